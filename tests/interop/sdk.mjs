// What sdk.py does, with GitHub's own library.

import { createInterface } from "node:readline";

import { sign, verify } from "@octokit/webhooks-methods";

for await (const line of createInterface({ input: process.stdin })) {
  const { do: what, secret, body, headers } = JSON.parse(line);
  const answer =
    what === "sign"
      ? { headers: { "x-hub-signature-256": await sign(secret, body) } }
      : { genuine: await verify(secret, body, headers["x-hub-signature-256"]) };
  console.log(JSON.stringify(answer));
}
