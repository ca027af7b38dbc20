/** More of what verbs do to a running server, and its status by TCP. */
import * as path from "node:path"
import { describe, expect, it } from "vitest"
import { run } from "../utils/processes.js"
import { ask, portOf } from "./asking.js"
import { tsgi, write } from "./command.js"
import { Controlled, folder, good } from "./controlling.js"

describe("a server that runs", { timeout: 150_000 }, () => {
  it("does as it is told", async () => {
    await using server = await Controlled.start()

    // a broken app
    write(folder, "app.mjs", "throw new Error('no luck')")
    expect(await server.verb("reload")).toMatchObject({
      code: 8,
      stderr: [expect.stringMatching(/^tsgi: reload refused: worker 1 failed to load \S+: .*no luck/)]
    })
    expect(await server.status()).toMatchObject({ ready: 2, generation: 1, lastReload: { result: "refused" } })
    write(folder, "app.mjs", good)

    // more, fewer, another one
    expect(await server.verb("scale", "+1")).toMatchObject({ code: 0, stdout: ["3 workers"] })
    await expect.poll(async () => (await server.status()).ready, { timeout: 10_000 }).toBe(3)
    expect(await server.verb("scale", "1")).toMatchObject({ code: 0, stdout: ["1 worker"] })
    expect(await server.verb("scale", "0")).toMatchObject({
      code: 2,
      stderr: ["tsgi: cannot scale to 0: at least one worker must stay; tsgi stop ends the server"]
    })
    const [first] = (await server.status()).workers
    expect(await server.verb("recycle", "1")).toMatchObject({ code: 0 })
    await expect.poll(
      async () => (await server.status()).workers.filter(({ state }) => state === "ready").map(({ pid }) => pid),
      {
        timeout: 10_000
      }
    ).not.toContain(first?.pid)
    expect(await server.verb("recycle", "7")).toMatchObject({ code: 2 })
    expect(await server.verb("status")).toMatchObject({
      code: 0,
      stdout: expect.arrayContaining([expect.stringMatching(/: serving, 1 of 1 worker ready/)]) as unknown
    })

    // another server does not take its place
    const other = await run(
      process.execPath,
      [path.join(folder, "dist/cli.js"), "serve", "app.mjs", "-p", "0", "--control", server.socketPath],
      { cwd: folder }
    )
    expect(other).toMatchObject({ code: 5, stderr: [expect.stringMatching(/^tsgi: already running, pid \d+/)] })

    expect(await server.verb("stop")).toMatchObject({ code: 0 })
    expect(await server.verb("status")).toMatchObject({
      code: 7,
      stderr: [expect.stringMatching(/^tsgi: no server at/)]
    })
  })

  it("tells by TCP, changes nothing there, and is not ready while it waits to stop", async () => {
    await using free = tsgi(folder, ..."serve app.mjs -p 0 --access-log none --settle 0s".split(" "))
    const [, taken] = await free.line(/listening on http:\/\/127\.0\.0\.1:(\d+)/)
    free.kill("SIGTERM")
    await free.ended
    await using program = tsgi(
      folder,
      ..."serve app.mjs -p 0 --access-log none --settle 0s --unready 2s --status".split(" "),
      `127.0.0.1:${taken}`
    )
    const port = await portOf(program)
    const tcp = Number(taken)
    expect(await ask(tcp, "GET", "/ready")).toMatchObject({ status: 200 })
    expect(await ask(tcp, "POST", "/stop")).toMatchObject({ status: 405 })
    expect(await ask(tcp, "POST", "/reload")).toMatchObject({ status: 405 })
    program.kill("SIGTERM")
    await program.line(/no longer ready/)
    expect(await ask(tcp, "GET", "/ready")).toMatchObject({ status: 503 })
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200)
    // a second signal ends the wait
    program.kill("SIGINT")
    expect(await program.ended).toMatchObject({ code: 130 })
  })
})
