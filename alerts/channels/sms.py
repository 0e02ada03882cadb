"""Text messages, over Twilio (https://www.twilio.com/docs/messaging/api/message-resource)."""

from alerts.channels.base import Message, Receipt, Rendered, Values
from alerts.channels.twilio import PhoneField, SenderField, TwilioKind, TwilioOptions, post, told_of
from alerts.transport import Transport

MOST = 459  # characters: three parts of 153 are paid for at most; Twilio takes 1600 (error 21617)
# One character outside of GSM 03.38 halves what fits into a part.
PLAIN = str.maketrans({"–": "-", "—": "-", "“": '"', "”": '"', "‘": "'", "’": "'", "…": "...", "\u00a0": " "})


class SmsOptions(TwilioOptions):
    to = PhoneField(label="To", help_text="The phone that is told, as in +49 151 23456789.")
    sender = SenderField(
        label="From", help_text="A number of your account, a short code, a name, or a messaging service (MG…)."
    )


class Sms(TwilioKind):
    def render(self, message: Message, options: Values) -> Rendered:
        return Rendered(message.title, body(message))

    def send(self, message: Message, options: Values, transport: Transport) -> Receipt:
        sender = options["sender"]
        fields = {"To": options["to"], "Body": body(message), **told_of(message)}
        fields["MessagingServiceSid" if sender.startswith("MG") else "From"] = sender
        return post("Messages", fields, options, transport)


def body(message: Message) -> str:
    """Title, text, what a digest holds, and the link, which is never cut."""
    link = f"\n{message.url}"
    said = "\n".join([message.title, *message.lines] if message.lines else [message.title, message.text])
    said, room = said.translate(PLAIN).replace("\0", ""), max(0, MOST - len(link))
    return (said if len(said) <= room else said[: max(0, room - 3)].rstrip() + "...") + link


KIND = Sms(
    name="sms",
    label="SMS",
    description="A text message to a phone, over your Twilio account.",
    icon="send",
    Options=SmsOptions,
    secret_fields=("auth_token",),
    per_minute=5,
    per_hour=30,
)
