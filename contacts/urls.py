"""Addresses of this app's REST routes. The order matters: words win over ids (API document, 23)."""

from cdp.api.routes import routes
from contacts.api import lists, many, single

urlpatterns = [
    *routes("addressbooks", lists.AddressBooksView.as_view()),
    *routes("additionalfields", lists.AdditionalFieldsView.as_view()),
    *routes("subscriptions", lists.SubscriptionsView.as_view()),
    *routes("groups", lists.GroupsView.as_view()),
    *routes("group/{id}/contacts", lists.GroupContactsView.as_view()),
    *routes("group/{id}/contacts/attach", lists.AttachView.as_view()),
    *routes("group/{id}/contacts/detach", lists.DetachView.as_view()),
    *routes("contacts", many.ContactsView.as_view()),
    *routes("contacts/email", many.ContactEmailsView.as_view()),
    *routes("importstatus/{session_id}", many.ImportStatusView.as_view()),
    *routes("contact", single.ContactView.as_view()),
    *routes("contact/subscribe", single.SubscribeView.as_view()),
    *routes("contact/{id}", single.ContactByIdView.as_view()),
    *routes("contact/{id}/subscriptions", single.ContactSubscriptionsView.as_view()),
]
