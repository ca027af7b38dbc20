/**
 * The files of examples/deploy with the programs that they are for, if these are installed. HAProxy stands in front of servers
 * that are reloaded, stopped and started under load: no request is lost, the client's own address arrives, and interim responses
 * and WebSockets pass. The others are sockets of systemd, and PID 1.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { describe, expect, it } from "vitest"
import { freePorts } from "../utils/ports.js"
import { installed, Program, run } from "../utils/processes.js"
import { endings, write } from "./command.js"
import {
  alone,
  ask,
  client,
  container,
  echo,
  folder,
  lines,
  Load,
  read,
  reload,
  right,
  serve,
  serving,
  upload,
  words
} from "./deploying.js"

const haproxy = installed("haproxy")
const activate = installed("systemd-socket-activate")

describe("where it runs", { timeout: 150_000 }, () => {
  it.skipIf(haproxy === undefined)(
    "HAProxy loses nothing while one of two servers is reloaded, stopped and started (skipped without HAProxy)",
    async () => {
      const [port, one, two, statusOne, statusTwo, older] = await freePorts(6)
      const config = read("haproxy.cfg").replace("bind 127.0.0.1:8080", `bind 127.0.0.1:${port}`)
        .replace("127.0.0.1:8090 port 9090", `127.0.0.1:${one} port ${statusOne}`)
        .replace("127.0.0.1:8091 port 9091", `127.0.0.1:${two} port ${statusTwo}`)
        .replace("inter 1s", "inter 200ms")
      write(folder, "haproxy.cfg", config)
      write(
        folder,
        "older.cfg",
        config.replace(`bind 127.0.0.1:${port}`, `bind 127.0.0.1:${older}`).replace("send-proxy-v2", "send-proxy")
      )
      const start = (name: string, port: number, status: number) =>
        serve(
          `--name ${name} -w 2 --port ${port} --status 127.0.0.1:${status} --access-log -`,
          "--proxy-protocol any --unready 1s"
        )
      const [first, second] = await Promise.all([start("one", one, statusOne), start("two", two, statusTwo)])
      await using _first = first
      await using _second = second
      await using _proxy = new Program(haproxy ?? "", ["-db", "-f", "haproxy.cfg"], { cwd: folder })
      await serving(port)
      const load = new Load(port)
      await reload(first, 2)
      first.kill("SIGTERM")
      expect((await first.ended).code).toBe(0)
      await using again = await start("one", one, statusOne)
      // it gets its share again
      await again.line(new RegExp(`^${client.replaceAll(".", "\\.")}\\b.*"GET / HTTP/1.1" 200`))
      await load.stop()
      expect(load.wrong).toEqual([])
      expect(load.answered).toBeGreaterThan(50)

      expect(await ask(port, { path: "/hints" })).toEqual({ text: right(port), interim: [103] })
      expect(await upload(port)).toEqual({ text: `${right(port)} hello`, interim: [100] })
      expect(await echo(port)).toBe("you said: hello")
      // HAProxy speaks PROXY v1, also in its checks
      await using _older = new Program(haproxy ?? "", ["-db", "-f", "older.cfg"], { cwd: folder })
      await serving(older)
    }
  )

  it.skipIf(activate === undefined)("a socket of systemd's is served (skipped without systemd)", async () => {
    const [port] = await freePorts(1)
    const flags = words(/^ExecStart=.*/m.exec(read("tsgi.service"))?.[0] ?? "").slice(1)
    await using program = new Program(activate ?? "", [
      ...["-l", `127.0.0.1:${port}`, "-E", "PATH", "-E", "TSGI_CONTROL=none", process.execPath],
      ...[path.join(folder, "dist/cli.js"), "serve", "app.mjs", ...flags.map(alone)]
    ], { cwd: folder })
    await program.line(/Listening on/)
    // the request waits in the socket for a server that does not run yet
    expect((await ask(port)).text).toBe(right(port))
    program.kill("SIGTERM")
    expect((await program.ended).code).toBe(0)
  })

  it("the container's command stops as PID 1 (skipped where namespaces of processes are not allowed)", async (context) => {
    const isolated = ["--pid", "--fork", "--mount-proc", "--kill-child"]
    const may = installed("unshare") !== undefined &&
      (await run("unshare", [...isolated, "true"], { cwd: folder })).code === 0
    if (!may) return context.skip()
    const [port, status] = await freePorts(2)
    await using program = new Program("unshare", [
      ...[...isolated, process.execPath, path.join(folder, "dist/cli.js"), "serve", "app.mjs"],
      ...container.slice(1).map((word) => alone(word).replace(":9090", `:${status}`).replace("0.0.0.0", "127.0.0.1")),
      ...["--port", String(port), "--control", "none"]
    ], { cwd: folder })
    await program.line(/tsgi\[1\] info {2}ready in/)
    expect((await ask(port)).text).toBe(right(port))
    const [inside] = fs.readFileSync(`/proc/${program.pid}/task/${program.pid}/children`, "utf8").split(" ").map(Number)
    process.kill(inside, "SIGTERM")
    expect((await program.ended).code).toBe(0)
  })
})

describe("the files", { timeout: 60_000 }, () => {
  it("have flags that the command knows", async () => {
    for (const [file] of Object.values(lines)) expect(file).toBe("app.js")
    // the others are served above
    const unserved = ["nginx.conf", "haproxy.cfg", "kubernetes.yaml"].map((name) => lines[name])
    const ended = await endings(folder, unserved.map(([, ...flags]) => ["check", "app.mjs", ...flags]))
    expect(ended.filter(({ code }) => code !== 0)).toEqual([])
  })

  it.skipIf(installed("systemd-analyze") === undefined)(
    "are units as systemd reads them (skipped without)",
    async () => {
      const units = fs.mkdtempSync(path.join(folder, "units-"))
      for (const unit of ["tsgi.socket", "tsgi.service"]) {
        fs.writeFileSync(path.join(units, unit), read(unit).replace("/usr/bin/node", process.execPath))
      }
      const { stderr } = await run("systemd-analyze", [
        ...["verify", "--man=no"],
        ...["tsgi.socket", "tsgi.service"].map((unit) => path.join(units, unit))
      ], { cwd: units })
      expect(stderr.filter((line) => line.includes(units) || line.includes("tsgi."))).toEqual([])
    }
  )
})
