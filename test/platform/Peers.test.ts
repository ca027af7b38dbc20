/** NodeHttpServer and tsgi side by side: the observations are those of the README's table, cell by cell. */
import { describe, expect, it } from "vitest"
import { type Peer, rows, servers } from "./peers.js"

describe.each(Object.keys(servers) as ReadonlyArray<Peer>)("%s", (peer) => {
  it.concurrent.each(rows)("$what", async (row) => {
    expect(await row.see(peer)).toBe(row[peer])
  })
})
