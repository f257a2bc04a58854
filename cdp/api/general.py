"""General methods of the API: the version and the account (API document, 8)."""

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

import cdp
from cdp.api.replies import json_reply
from cdp.api.rights import Group
from cdp.api.routes import routes
from cdp.api.views import ApiView
from cdp.models import Account

PROTOCOL_VERSION = "1.0"


class Version(serializers.Serializer):
    version = serializers.CharField()
    protocolVersion = serializers.CharField()


class AccountInfo(serializers.Serializer):
    orgId = serializers.IntegerField()
    userEmail = serializers.EmailField()
    organisationName = serializers.CharField()


class VersionView(ApiView):
    groups = {"GET": (Group.GENERAL,)}

    @extend_schema(summary="Version of the product and of the protocol", responses=Version)
    def get(self, request: Request) -> HttpResponse:  # noqa: ARG002
        return json_reply({"version": cdp.__version__, "protocolVersion": PROTOCOL_VERSION})


class AccountInfoView(ApiView):
    groups = {"GET": (Group.GENERAL,)}

    @extend_schema(summary="The organisation the key belongs to", responses=AccountInfo)
    def get(self, request: Request) -> HttpResponse:  # noqa: ARG002
        account = Account.objects.get(pk=1)
        return json_reply(
            {
                "orgId": account.pk,
                "userEmail": account.user_email,
                "organisationName": account.organisation_name,
            }
        )


urlpatterns = [
    *routes("version", VersionView.as_view(), versions=(1, 2)),
    *routes("account/info", AccountInfoView.as_view()),
]
