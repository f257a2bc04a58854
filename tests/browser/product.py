"""The product as an operator starts it, for tests that look at it through a browser."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from cdp.local import processes
from cdp.local.processes import free_port

MANAGE = Path(__file__).resolve().parents[2] / "manage.py"
OWN_SERVICES = {"DATABASE_URL": "", "BROKER_URL": "", "CDP_DATA_DIR": ""}
READY_SECONDS = 180
PASSWORD = "made-for-tests-1"

# Colleagues beside the administrator: name → the role whose rights they have ("" for none at all)
COLLEAGUES = {"boss": "", "marketer": "Marketer", "viewer": "Viewer", "newcomer": ""}
MAKE_COLLEAGUES = """
import json, sys
from django.contrib.auth.models import Group, User
from cdp.roles import ensure_roles
ensure_roles()
for name, role in json.loads({people!r}).items():
    user, _ = User.objects.get_or_create(username=name, defaults={{"is_staff": True, "is_superuser": name == "boss"}})
    user.set_password({password!r})
    user.save()
    user.groups.set(Group.objects.filter(name=role))
"""


class Product:
    """One instance with demo data in `home`, on a free port, with services of its own."""

    def __init__(self, home: Path, *, demo: bool = True) -> None:
        self.home = home
        self.has_demo = demo
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.output = home / "up.out"

    def start(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        self.output.write_text("")
        words = ["up", "--port", str(self.port), *([] if self.has_demo else ["--no-demo"])]
        self.process = processes.start(self._command(*words), log=self.output, environment=OWN_SERVICES)
        deadline = time.monotonic() + READY_SECONDS
        while f"ready {self.address}" not in self.output.read_text().splitlines():
            assert self.process.poll() is None, self.output.read_text()
            assert time.monotonic() < deadline, self.output.read_text()
            time.sleep(0.2)
        self.shell(MAKE_COLLEAGUES.format(people=json.dumps(COLLEAGUES), password=PASSWORD))

    def stop(self) -> None:
        processes.stop(self.process, seconds=30)

    def _command(self, *words: str) -> list[str]:
        return [sys.executable, str(MANAGE), *words, "--data-dir", str(self.home)]

    def manage(self, *words: str) -> str:
        """What a command of this instance prints."""
        done = subprocess.run(
            self._command(*words),
            env=os.environ | OWN_SERVICES,
            text=True,
            capture_output=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def shell(self, code: str) -> str:
        return self.manage("shell", "--no-imports", "-c", code)

    def api_key(self, right: str = "full") -> str:
        printed = self.manage("create_api_key", "--name", f"browser {right}", "--right", right, "--json")
        return json.loads(printed)["key"]
