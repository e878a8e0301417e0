"""Signs and verifies with the SDKs that senders publish: a JSON question on each line in, a JSON answer on each line out.

{"sdk", "do": "sign", "secret", "url", "body"}               -> {"headers": {...}}, or {"headers": {}, "body"} where it is inside
{"sdk", "do": "verify", "secret", "url", "body", "headers"}  -> {"genuine": true or false}

Only what an SDK raises or returns for a bad signature is an answer; everything else ends the script.
"""

import base64
import contextlib
import datetime
import json
import sys
import time
import types
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


class Adyen:
    """A payment notification has the signature of each item in it; the SDK looks at the first."""

    def sign(self, secret, url, body):
        from Adyen.util import generate_notification_sig

        notification = json.loads(body)
        item = notification["notificationItems"][0]["NotificationRequestItem"]
        item["additionalData"] = {"hmacSignature": generate_notification_sig(item, secret).decode()}
        return {"body": json.dumps(notification)}

    def verify(self, secret, url, body, headers):
        from Adyen.util import is_valid_hmac_notification

        return is_valid_hmac_notification(json.loads(body), secret)


class AdyenBanking:
    def sign(self, secret, url, body):
        from Adyen.util import generate_payload_sig

        return {"hmacsignature": generate_payload_sig(body.encode(), secret).decode()}

    def verify(self, secret, url, body, headers):
        from Adyen.util import is_valid_hmac_payload

        return is_valid_hmac_payload(headers["hmacsignature"], secret, body.encode())


class Box:
    """Each of the two keys has a signature of its own."""

    def __init__(self, key):
        self.key = key

    def sign(self, secret, url, body):
        from boxsdk.object import webhook

        headers = {
            "box-delivery-timestamp": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "box-signature-algorithm": "HmacSHA256",
            "box-signature-version": "1",
        }
        signature = webhook._compute_signature(body.encode(), headers, secret)
        return {**headers, f"box-signature-{self.key}": signature}

    def verify(self, secret, url, body, headers):
        from boxsdk.object.webhook import Webhook

        keys = {"primary": None, "secondary": None, self.key: secret}
        return Webhook.validate_message(body.encode(), headers, keys["primary"], keys["secondary"])


class Cloudinary:
    def __init__(self, algorithm):
        self.algorithm = algorithm

    def sign(self, secret, url, body):
        from cloudinary.utils import compute_hex_hash

        stamp = str(int(time.time()))
        return {"x-cld-timestamp": stamp, "x-cld-signature": compute_hex_hash(body + stamp + secret, self.algorithm)}

    def verify(self, secret, url, body, headers):
        import cloudinary
        from cloudinary.utils import verify_notification_signature

        cloudinary.config(api_secret=secret)
        stamp, signature = headers["x-cld-timestamp"], headers["x-cld-signature"]
        return verify_notification_signature(body, stamp, signature, algorithm=self.algorithm)


class GoCardless:
    """The SDK only verifies."""

    def verify(self, secret, url, body, headers):
        from gocardless_pro import webhooks
        from gocardless_pro.errors import InvalidSignatureError

        try:
            webhooks.parse(body, secret, headers["webhook-signature"])
        except InvalidSignatureError:
            return False
        return True


class Paddle:
    """Five seconds are too few for a test: an hour is allowed."""

    def sign(self, secret, url, body):
        from paddle_billing.Notifications import PaddleSignature

        stamp = int(time.time())
        mac = PaddleSignature.calculate_hmac(secret, f"{stamp}:{body}".encode())
        return {"paddle-signature": f"ts={stamp};h1={mac.hexdigest()}"}

    def verify(self, secret, url, body, headers):
        from paddle_billing.Notifications import Secret, Verifier

        headers = {"Paddle-Signature": headers["paddle-signature"]}
        request = types.SimpleNamespace(headers=headers, body=body.encode())
        return Verifier(3600).verify(request, Secret(secret))


class Polar:
    """Polar signs with the library of Standard Webhooks; before September 2026 the whole secret was the key."""

    def __init__(self, whole):
        self.whole = whole

    def sign(self, secret, url, body):
        key = base64.b64encode(secret.encode()).decode() if self.whole else secret
        return StandardWebhooks().sign(key, url, body)

    def verify(self, secret, url, body, headers):
        from polar.webhooks import PolarWebhookVerificationError, validate_event

        try:
            validate_event(body, headers, secret, frozenset({"order.paid"}), dict)
        except PolarWebhookVerificationError:
            return False
        return True


class Razorpay:
    """The SDK only verifies."""

    def verify(self, secret, url, body, headers):
        from razorpay.errors import SignatureVerificationError
        from razorpay.utility import Utility

        try:
            return Utility().verify_webhook_signature(body, headers["x-razorpay-signature"], secret)
        except SignatureVerificationError:
            return False


class Resend:
    """The headers and the keys of Svix, in code of its own."""

    def sign(self, secret, url, body):
        from resend import Webhooks

        name, stamp = "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W", str(int(time.time()))
        key = base64.b64decode(secret.removeprefix("whsec_"))
        signature = Webhooks._generate_signature(key, f"{name}.{stamp}.{body}".encode())
        return {"svix-id": name, "svix-timestamp": stamp, "svix-signature": f"v1,{signature}"}

    def verify(self, secret, url, body, headers):
        from resend import Webhooks

        given = {name: headers[f"svix-{name}"] for name in ("id", "timestamp", "signature")}
        try:
            Webhooks.verify({"payload": body, "headers": given, "webhook_secret": secret})
        except ValueError as error:
            if str(error) != "no matching signature found":
                raise
            return False
        return True


class Square:
    """The SDK only verifies."""

    def verify(self, secret, url, body, headers):
        from square.utils.webhooks_helper import verify_signature

        signature = headers["x-square-hmacsha256-signature"]
        return verify_signature(request_body=body, signature_header=signature, signature_key=secret, notification_url=url)


SDKS = {
    "adyen": Adyen(),
    "adyen-banking": AdyenBanking(),
    "box": Box("primary"),
    "box-secondary": Box("secondary"),
    "braintree": Braintree(),
    "cloudinary": Cloudinary("sha1"),
    "cloudinary-sha256": Cloudinary("sha256"),
    "discord": Discord(),
    "gocardless": GoCardless(),
    "paddle": Paddle(),
    "polar": Polar(whole=False),
    "polar-whole": Polar(whole=True),
    "razorpay": Razorpay(),
    "resend": Resend(),
    "slack-sdk": Slack(),
    "square": Square(),
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
