"""Signs and verifies with the SDKs that senders publish: a JSON question on each line in, a JSON answer on each line out.

{"sdk", "do": "sign", "secret", "url", "body"}               -> {"headers": {...}}, or {"headers": {}, "body"} where it is inside
{"sdk", "do": "verify", "secret", "url", "body", "headers"}  -> {"genuine": true or false}

Only what an SDK raises or returns for a bad signature is an answer; everything else ends the script.
"""

import contextlib
import datetime
import json
import sys
import time
from urllib.parse import parse_qs, urlencode


class Stripe:
    def sign(self, secret, url, body):
        from stripe import WebhookSignature

        stamp = int(time.time())
        return {"stripe-signature": WebhookSignature.generate_signature_header(body, secret, timestamp=stamp)}

    def verify(self, secret, url, body, headers):
        from stripe import SignatureVerificationError, Webhook

        try:
            Webhook.construct_event(body, headers["stripe-signature"], secret)
        except SignatureVerificationError:
            return False
        return True


class StandardWebhooks:
    prefix = "webhook"

    def sdk(self):
        import standardwebhooks

        return standardwebhooks

    def sign(self, secret, url, body):
        now = datetime.datetime.now(datetime.timezone.utc)
        name = "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W"
        return {
            f"{self.prefix}-id": name,
            f"{self.prefix}-timestamp": str(int(now.timestamp())),
            f"{self.prefix}-signature": self.sdk().Webhook(secret).sign(name, now, body),
        }

    def verify(self, secret, url, body, headers):
        try:
            self.sdk().Webhook(secret).verify(body, headers)
        except self.sdk().WebhookVerificationError:
            return False
        return True


class Svix(StandardWebhooks):
    prefix = "svix"

    def sdk(self):
        import svix.webhooks

        return svix.webhooks


class Slack:
    def sign(self, secret, url, body):
        from slack_sdk.signature import SignatureVerifier

        stamp = str(int(time.time()))
        signature = SignatureVerifier(secret).generate_signature(timestamp=stamp, body=body)
        return {"x-slack-request-timestamp": stamp, "x-slack-signature": signature}

    def verify(self, secret, url, body, headers):
        from slack_sdk.signature import SignatureVerifier

        return SignatureVerifier(secret).is_valid_request(body, headers)


class Twilio:
    """JSON where the URL has a `bodySHA256`, else a form, which has nothing in it for a GET."""

    def sign(self, secret, url, body):
        from twilio.request_validator import RequestValidator

        form = {} if "bodySHA256=" in url else self.form(body)
        return {"x-twilio-signature": RequestValidator(secret).compute_signature(url, form)}

    def verify(self, secret, url, body, headers):
        from twilio.request_validator import RequestValidator

        params = body if "bodySHA256=" in url else self.form(body)
        return RequestValidator(secret).validate(url, params, headers["x-twilio-signature"])

    @staticmethod
    def form(body):
        return {name: values[0] for name, values in parse_qs(body, keep_blank_values=True).items()}


class Discord:
    """The secret is the private key, seed and public key in hex. The SDK only verifies; PyNaCl, which it is made of, signs."""

    def sign(self, secret, url, body):
        from nacl.signing import SigningKey

        stamp = str(int(time.time()))
        signed = SigningKey(bytes.fromhex(secret)[:32]).sign((stamp + body).encode())
        return {"x-signature-ed25519": signed.signature.hex(), "x-signature-timestamp": stamp}

    def verify(self, secret, url, body, headers):
        from discord_interactions import verify_key

        signature, stamp = headers["x-signature-ed25519"], headers["x-signature-timestamp"]
        with contextlib.redirect_stdout(sys.stderr):  # It prints why not.
            return verify_key(body.encode(), signature, stamp, secret[64:])


class Braintree:
    """A notification is a form with its signature in it: what is signed is a sample, whatever the body."""

    def gateway(self, secret):
        from braintree import BraintreeGateway, Configuration, Environment

        return BraintreeGateway(Configuration(Environment.Sandbox, "merchant", "public", secret))

    def sign(self, secret, url, body):
        from braintree import WebhookNotification

        kind = WebhookNotification.Kind.SubscriptionWentPastDue
        return {"body": urlencode(self.gateway(secret).webhook_testing.sample_notification(kind, "Zo-1"))}

    def verify(self, secret, url, body, headers):
        from braintree.exceptions.invalid_signature_error import InvalidSignatureError

        form = Twilio.form(body)
        try:
            self.gateway(secret).webhook_notification.parse(form["bt_signature"], form["bt_payload"])
        except InvalidSignatureError:
            return False
        return True


SDKS = {
    "braintree": Braintree(),
    "discord": Discord(),
    "slack-sdk": Slack(),
    "standardwebhooks": StandardWebhooks(),
    "stripe": Stripe(),
    "svix": Svix(),
    "twilio": Twilio(),
}

for line in sys.stdin:
    question = json.loads(line)
    sdk = SDKS[question.pop("sdk")]
    if question.pop("do") == "sign":
        signed = sdk.sign(**question)
        answer = {"headers": {}, **signed} if "body" in signed else {"headers": signed}
    else:
        answer = {"genuine": sdk.verify(**question)}
    print(json.dumps(answer), flush=True)
