"""Only the admin's pages may evaluate text as code."""

import pytest


@pytest.mark.django_db
def test_eval_is_for_the_admin_only(client):
    assert "script-src 'self' 'unsafe-eval'" in client.get("/admin/login/")["Content-Security-Policy"]
    other = client.get("/healthz")["Content-Security-Policy"]
    assert "unsafe-eval" not in other
    assert "script-src 'self'" in other
