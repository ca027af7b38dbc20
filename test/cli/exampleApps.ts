/** The examples that are apps for the command too, with their kinds. */

type Kind = "wsgi" | "fetch" | "effect"

export const apps: Readonly<Record<string, Kind>> = {
  bandwidth: "wsgi",
  continue: "wsgi",
  continues: "wsgi",
  "early-hints": "wsgi",
  events: "wsgi",
  hello: "wsgi",
  hono: "fetch",
  posthooks: "wsgi",
  stop: "wsgi",
  streaming: "wsgi",
  websocket: "wsgi",
  "effect/api": "effect",
  "effect/composed": "effect",
  "effect/connections": "effect",
  "effect/events": "effect",
  "effect/metrics": "effect",
  "effect/swap": "effect",
  "effect/websocket": "effect"
}
