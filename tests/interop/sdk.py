"""Signs and verifies with the SDKs that senders publish: a JSON question on each line in, a JSON answer on each line out.

{"sdk", "do": "sign", "secret", "url", "body"}               -> {"headers": {...}}
{"sdk", "do": "verify", "secret", "url", "body", "headers"}  -> {"genuine": true or false}

Only what an SDK raises or returns for a bad signature is an answer; everything else ends the script.
"""

import datetime
import json
import sys
import time
from urllib.parse import parse_qs


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
    """A form where the URL has no `bodySHA256`, JSON where it has."""

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


SDKS = {
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
        answer = {"headers": sdk.sign(**question)}
    else:
        answer = {"genuine": sdk.verify(**question)}
    print(json.dumps(answer), flush=True)
