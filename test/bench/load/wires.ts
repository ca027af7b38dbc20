/** What the loads do with their wires: connect them, look at answers, say what they found. */
import { type Response, Wire } from "./wire.js"

export const say = (line: object): void => {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

/** Ends the load: one wrong answer is enough. */
export const fail = (error: Error): void => {
  say({ error: error.message })
  process.exit(1)
}

export const connect = async (port: number, count: number): Promise<ReadonlyArray<Wire>> => {
  const wires: Array<Wire> = []
  while (wires.length < count) {
    const batch = Array.from({ length: Math.min(100, count - wires.length) }, () => new Wire(port, true))
    await Promise.all(batch.map((wire) => wire.connected()))
    wires.push(...batch)
  }
  for (const wire of wires) wire.onFailure = fail
  return wires
}

export const check = (response: Response, expected: string): void => {
  if (response.status !== 200 || response.body !== expected) {
    fail(new Error(`wrong answer: ${response.status} ${response.body.slice(0, 100)}`))
  }
}
