"""Shapes of requests and replies for the OpenAPI document; reading and writing is in `contacts.wire`."""

from typing import Any

from rest_framework import serializers

CHANNEL_TYPES = ["email", "sms", "viber", "mobilepush", "webpush", "telegram", "appinbox", "widget", "inapp"]
DEDUPE = [
    "email",
    "sms",
    "email_or_sms",
    "push",
    "mobilepush",
    "webpush",
    "id",
    "fieldId",
    "externalCustomerId",
]
optional: dict[str, Any] = {"required": False}


class Device(serializers.Serializer):
    appId = serializers.CharField(**optional)
    deviceModel = serializers.CharField(max_length=50, **optional)
    os = serializers.CharField(**optional)
    locale = serializers.CharField(**optional)
    clientVersion = serializers.CharField(**optional)
    appVersion = serializers.CharField(**optional)
    active = serializers.BooleanField(**optional)


class Channel(serializers.Serializer):
    type = serializers.ChoiceField(CHANNEL_TYPES)
    value = serializers.CharField()
    device = Device(**optional)
    webPushSubscription = serializers.DictField(**optional)


class Address(serializers.Serializer):
    region = serializers.CharField(**optional)
    town = serializers.CharField(**optional)
    address = serializers.CharField(**optional)
    postcode = serializers.CharField(**optional)


class FieldValue(serializers.Serializer):
    id = serializers.IntegerField()
    value = serializers.CharField()


class OrdersInfo(serializers.Serializer):
    lastDate = serializers.CharField(**optional)
    count = serializers.IntegerField(**optional)
    sum = serializers.FloatField(**optional)


class Group(serializers.Serializer):
    id = serializers.IntegerField(**optional)
    name = serializers.CharField(**optional)
    type = serializers.ChoiceField(["Static", "Dynamic", "Combined"], **optional)


class Contact(serializers.Serializer):
    firstName = serializers.CharField(max_length=40, **optional)
    lastName = serializers.CharField(max_length=40, **optional)
    channels = Channel(many=True, **optional)
    address = Address(**optional)
    fields_ = FieldValue(many=True, **optional)
    addressBookId = serializers.IntegerField(**optional)
    id = serializers.IntegerField(**optional)
    externalCustomerId = serializers.CharField(max_length=255, **optional)
    contactKey = serializers.CharField(max_length=255, **optional)
    ordersInfo = OrdersInfo(**optional)
    groups = Group(many=True, **optional)
    languageCode = serializers.CharField(**optional)
    timeZone = serializers.CharField(**optional)

    def get_fields(self) -> dict[str, serializers.Field]:
        """`fields` is a name that the framework keeps for itself."""
        found = super().get_fields()
        return {name.rstrip("_"): found[name] for name in found}


class ContactId(serializers.Serializer):
    id = serializers.IntegerField()


class BulkRequest(serializers.Serializer):
    contacts = Contact(many=True)
    dedupeOn = serializers.ChoiceField(DEDUPE, default="email")
    fieldId = serializers.IntegerField(**optional)
    contactFields = serializers.ListField(child=serializers.CharField(), **optional)
    customFieldsIDs = serializers.ListField(child=serializers.IntegerField(), **optional)
    groupNames = serializers.ListField(child=serializers.CharField(), **optional)
    groupNamesExclude = serializers.ListField(child=serializers.CharField(), **optional)
    restoreDeleted = serializers.BooleanField(default=False)
    eventKeyForNewContacts = serializers.CharField(max_length=100, **optional)


class FailedContact(Contact):
    error = serializers.CharField()


class BulkReply(serializers.Serializer):
    id = serializers.IntegerField()
    asyncSessionId = serializers.UUIDField()
    failedContacts = FailedContact(many=True, **optional)


class Mapping(serializers.Serializer):
    dedupeValue = serializers.CharField()
    contactId = serializers.IntegerField()


class ImportStatus(serializers.Serializer):
    status = serializers.ChoiceField(["STARTED", "IMPORTING", "FINISHED", "ERROR"])
    mapping = Mapping(many=True, **optional)
    timestamp = serializers.CharField()
    description = serializers.CharField(**optional)


class SubscribeRequest(serializers.Serializer):
    contact = Contact()
    groups = serializers.ListField(child=serializers.CharField(), **optional)
    subscriptions = serializers.ListField(child=serializers.CharField(), **optional)
    formType = serializers.CharField(max_length=70, **optional)


class SubscribeReply(serializers.Serializer):
    id = serializers.IntegerField()
    emailStatus = serializers.ChoiceField(
        ["NEED_CONFIRMATION", "SUBSCRIBED", "ALREADY_SUBSCRIBED", "BLACKLISTED"], **optional
    )
    new = serializers.BooleanField()


class ContactEmail(serializers.Serializer):
    contactId = serializers.IntegerField()
    email = serializers.EmailField()


class ContactEmails(serializers.Serializer):
    results = ContactEmail(many=True)


class ContactCategory(serializers.Serializer):
    id = serializers.IntegerField()
    key = serializers.CharField()
    groupId = serializers.IntegerField()
    name = serializers.CharField()


class Category(ContactCategory):
    contactsCount = serializers.IntegerField()
    createdDate = serializers.CharField()
    updatedDate = serializers.CharField()


class CategoryKeys(serializers.Serializer):
    subscriptions = serializers.ListField(child=serializers.CharField())


class ListContacts(serializers.Serializer):
    contactIds = serializers.ListField(child=serializers.IntegerField(), max_length=500, **optional)
    externalCustomerIds = serializers.ListField(child=serializers.CharField(), max_length=500, **optional)


class AllowedValues(serializers.Serializer):
    possibleValues = serializers.ListField(child=serializers.CharField(), **optional)
    minValue = serializers.IntegerField(**optional)
    maxValue = serializers.IntegerField(**optional)


class FieldDescription(serializers.Serializer):
    type = serializers.CharField()
    required_ = serializers.BooleanField()
    readonly = serializers.BooleanField()
    allowedValues = AllowedValues(**optional)

    def get_fields(self) -> dict[str, serializers.Field]:
        found = super().get_fields()
        return {name.rstrip("_"): found[name] for name in found}


class AdditionalField(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    fieldKey = serializers.CharField()
    description = FieldDescription()


class FieldGroup(serializers.Serializer):
    name = serializers.CharField()
    profileKey = serializers.CharField()
    fields_ = AdditionalField(many=True)

    def get_fields(self) -> dict[str, serializers.Field]:
        found = super().get_fields()
        return {name.rstrip("_"): found[name] for name in found}


class AddressBook(serializers.Serializer):
    addressBookId = serializers.IntegerField()
    name = serializers.CharField()
    fieldGroups = FieldGroup(many=True)


class AddressBooks(serializers.Serializer):
    addressBook = AddressBook()
