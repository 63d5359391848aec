// Signs and verifies requests as their senders do, with the sender's own library where
// that is small. Slack, Shopify and Twilio publish frameworks of a hundred packages; what
// these do to sign is written here with Node's own crypto, after their documents.
//
// Reads a list of {"do", "scheme", "secret", "id", "time", "url", "body", "headers"} from
// its input; writes a list of {"headers"} and {"verified", "reason"}.

import { createHmac, createPrivateKey, sign, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";

import * as github from "@octokit/webhooks-methods";
import { verifyKey } from "discord-interactions";
import * as standard from "standardwebhooks";
import Stripe from "stripe";
import * as svix from "svix";

const stripe = new Stripe("sk_test_none");

function mac(algorithm, secret, text, encoding) {
  return createHmac(algorithm, secret).update(text).digest(encoding);
}

function equal(given, right) {
  const [one, other] = [Buffer.from(given ?? ""), Buffer.from(right)];
  return one.length === other.length && timingSafeEqual(one, other);
}

function slack({ secret, body }, seconds) {
  return `v0=${mac("sha256", secret, `v0:${seconds}:${body}`, "hex")}`;
}

function shopify({ secret, body }) {
  return mac("sha256", secret, body, "base64");
}

function twilio({ secret, body, url }) {
  const fields = [...new URLSearchParams(body)].sort(([a], [b]) => (a < b ? -1 : 1));
  return mac("sha1", secret, url + fields.flat().join(""), "base64");
}

function ed25519(seed, text) {
  const prefix = Buffer.from("302e020100300506032b657004220420", "hex");
  const der = Buffer.concat([prefix, Buffer.from(seed, "hex")]);
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  return sign(null, Buffer.from(text), key).toString("hex");
}

const signers = {
  standard: ({ secret, id, time, body }) => ({
    "webhook-id": id,
    "webhook-timestamp": `${time}`,
    "webhook-signature": new standard.Webhook(secret).sign(
      id,
      new Date(time * 1000),
      body,
    ),
  }),
  svix: ({ secret, id, time, body }) => ({
    "svix-id": id,
    "svix-timestamp": `${time}`,
    "svix-signature": new svix.Webhook(secret).sign(id, new Date(time * 1000), body),
  }),
  github: async ({ secret, body }) => ({
    "x-hub-signature-256": await github.sign(secret, body),
  }),
  stripe: ({ secret, time, body }) => ({
    "stripe-signature": stripe.webhooks.generateTestHeaderString({
      payload: body,
      secret,
      timestamp: time,
    }),
  }),
  slack: (asked) => ({
    "x-slack-request-timestamp": `${asked.time}`,
    "x-slack-signature": slack(asked, asked.time),
  }),
  shopify: (asked) => ({ "x-shopify-hmac-sha256": shopify(asked) }),
  discord: ({ secret, time, body }) => ({
    "x-signature-timestamp": `${time}`,
    "x-signature-ed25519": ed25519(secret, time + body),
  }),
  twilio: (asked) => ({ "x-twilio-signature": twilio(asked) }),
};

const verifiers = {
  standard: ({ secret, body, headers }) =>
    Boolean(new standard.Webhook(secret).verify(body, headers)),
  svix: ({ secret, body, headers }) =>
    Boolean(new svix.Webhook(secret).verify(body, headers)),
  github: ({ secret, body, headers }) =>
    github.verify(secret, body, headers["x-hub-signature-256"]),
  stripe: ({ secret, body, headers }) =>
    Boolean(stripe.webhooks.constructEvent(body, headers["stripe-signature"], secret)),
  slack: (asked) =>
    equal(
      asked.headers["x-slack-signature"],
      slack(asked, asked.headers["x-slack-request-timestamp"]),
    ),
  shopify: (asked) => equal(asked.headers["x-shopify-hmac-sha256"], shopify(asked)),
  discord: ({ secret, body, headers }) =>
    verifyKey(
      body,
      headers["x-signature-ed25519"],
      headers["x-signature-timestamp"],
      secret,
    ),
  twilio: (asked) => equal(asked.headers["x-twilio-signature"], twilio(asked)),
};

async function answer(asked) {
  if (asked.do === "sign") {
    return { headers: await signers[asked.scheme](asked) };
  }

  try {
    return { verified: await verifiers[asked.scheme](asked), reason: "" };
  } catch (error) {
    return { verified: false, reason: `${error}` };
  }
}

const answers = JSON.parse(readFileSync(0, "utf8")).map(answer);
process.stdout.write(JSON.stringify(await Promise.all(answers)));
