// What sdk.py does, with the SDKs for node.

import { createPrivateKey, createSign } from "node:crypto";
import https from "node:https";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";

const hour = 3_600_000;

const SDKS = {
  // Linear's SDK only verifies. A minute is too little for a test: its clock stands at the time in the body.
  linear: {
    async verify({ secret, body, headers }) {
      const { LinearWebhookClient } = await import("@linear/sdk/webhooks");
      const { webhookTimestamp } = JSON.parse(body);
      Date.now = () => webhookTimestamp;
      const client = new LinearWebhookClient(secret);
      return unless("Invalid webhook signature", () => client.verify(Buffer.from(body), headers["linear-signature"]));
    },
  },

  octokit: {
    async sign({ secret, body }) {
      const { sign } = await import("@octokit/webhooks-methods");
      return { "x-hub-signature-256": await sign(secret, body) };
    },
    async verify({ secret, body, headers }) {
      const { verify } = await import("@octokit/webhooks-methods");
      return verify(secret, body, headers["x-hub-signature-256"]);
    },
  },

  sanity: {
    async sign({ secret, body }) {
      const { SIGNATURE_HEADER_NAME, encodeSignatureHeader } = await import("@sanity/webhook");
      return { [SIGNATURE_HEADER_NAME]: await encodeSignatureHeader(body, Date.now(), secret) };
    },
    async verify({ secret, body, headers }) {
      const { isValidRequest } = await import("@sanity/webhook");
      return isValidRequest({ body, headers }, secret);
    },
  },

  // SendGrid's SDK only verifies; node signs. The secret is the private key or the verification key, in base64.
  sendgrid: {
    async sign({ secret, body }) {
      const key = createPrivateKey({ key: Buffer.from(secret, "base64"), format: "der", type: "sec1" });
      const stamp = String(Math.trunc(Date.now() / 1000));
      return {
        "x-twilio-email-event-webhook-signature": createSign("sha256").update(stamp + body).sign(key, "base64"),
        "x-twilio-email-event-webhook-timestamp": stamp,
      };
    },
    async verify({ secret, body, headers }) {
      const { EventWebhook } = (await import("@sendgrid/eventwebhook")).default;
      const sdk = new EventWebhook();
      const signature = headers["x-twilio-email-event-webhook-signature"];
      const stamp = headers["x-twilio-email-event-webhook-timestamp"];
      return sdk.verifySignature(sdk.convertPublicKeyToECDSA(secret), body, signature, stamp);
    },
  },

  // The SDK only verifies; the secret is the certificate that it would fetch.
  sns: {
    async verify({ secret, body }) {
      const { default: MessageValidator } = await import("sns-validator");
      https.get = (url, answered) => {
        answered(Object.assign(Readable.from([secret]), { statusCode: 200 }));
        return { on() {} };
      };
      return new Promise((resolve) => new MessageValidator().validate(body, (error) => resolve(!error)));
    },
  },

  // The SDK signs what JSON.stringify makes of a parsed body.
  workos: {
    async sign({ secret, body }) {
      const stamp = Date.now();
      const signature = await (await workos()).computeSignature(stamp, JSON.parse(body), secret);
      return { "workos-signature": `t=${stamp}, v1=${signature}` };
    },
    async verify({ secret, body, headers }) {
      const sdk = await workos();
      const sigHeader = headers["workos-signature"];
      const judged = { payload: JSON.parse(body), sigHeader, secret, tolerance: hour };
      return unless("Signature hash does not match", () => sdk.verifyHeader(judged));
    },
  },
};

async function workos() {
  const { WorkOS } = await import("@workos-inc/node");
  return new WorkOS("sk_test").webhooks;
}

// Whether it works; only this error is a no.
async function unless(refusal, verified) {
  try {
    return await verified();
  } catch (error) {
    if (!error.message.startsWith(refusal)) throw error;
    return false;
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const { sdk, do: what, ...question } = JSON.parse(line);
  const answer = await SDKS[sdk][what](question);
  console.log(JSON.stringify(what === "sign" ? { headers: answer } : { genuine: answer }));
}
