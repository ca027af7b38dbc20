/**
 * The files of examples/deploy: nginx in front of a server that is reloaded under load, and no request is lost; and the times of
 * a stop add up. Deploy.long.test.ts has the other programs.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { describe, expect, it } from "vitest"
import { freePorts } from "../utils/ports.js"
import { installed, Program } from "../utils/processes.js"
import {
  client,
  echo,
  folder,
  lines,
  Load,
  longest,
  pod,
  read,
  reload,
  right,
  secondsOf,
  serve,
  serving,
  shop,
  upload
} from "./deploying.js"

const nginx = installed("nginx")

describe("where it runs", { timeout: 150_000 }, () => {
  it.skipIf(nginx === undefined)("nginx loses nothing while workers are replaced (skipped without nginx)", async () => {
    const [appPort, port] = await freePorts(2)
    const place = path.join(folder, "nginx")
    fs.mkdirSync(place)
    // nginx's workers belong to another user
    for (const open of [folder, place]) fs.chmodSync(open, 0o755)
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) =>
      `  ${name}_temp_path ${place}/${name};\n`
    )
    const file = path.join(place, "nginx.conf")
    fs.writeFileSync(
      file,
      read("nginx.conf").replace(":8090", `:${appPort}`).replace("listen 8080", `listen 127.0.0.1:${port}`)
        .replace("http {\n", `http {\n${temporary.join("")}`)
    )
    await using program = await serve(
      `-p ${appPort} -w 2 --trusted-proxies 127.0.0.1 --set forwarded=x-forwarded --access-log -`
    )
    await using proxy = new Program(nginx ?? "", [
      ...["-c", file, "-p", place, "-e", "stderr"],
      ...["-g", `daemon off; pid ${place}/pid;`]
    ], { cwd: place, group: true })
    await serving(port)
    const load = new Load(port)
    await reload(program, 1)
    await load.stop()
    expect(load.wrong).toEqual([])
    expect(load.answered).toBeGreaterThan(50)
    await program.line(new RegExp(`^${client.replaceAll(".", "\\.")}\\b.*"GET / HTTP/1.1" 200`))
    expect((await upload(port)).text).toBe(`${right(port)} hello`)
    expect(await echo(port)).toBe("you said: hello")
    // nginx's workers end with it
    proxy.kill("SIGTERM")
    await proxy.ended
    program.kill("SIGTERM")
    expect((await program.ended).code).toBe(0)
  })
})

describe("the files", { timeout: 60_000 }, () => {
  it("stop before they are killed", () => {
    expect(longest(lines["kubernetes.yaml"])).toBeLessThan(pod.terminationGracePeriodSeconds)
    // `docker stop` kills after ten seconds
    expect(longest(lines.Dockerfile)).toBeLessThan(10)
    expect(longest(lines["tsgi.service"])).toBeLessThan(
      Number(/^TimeoutStopSec=(\d+)$/m.exec(read("tsgi.service"))?.[1])
    )
  })

  it("serve until no balancer sends requests any more", () => {
    const { failureThreshold, httpGet, periodSeconds } = shop.readinessProbe
    expect(secondsOf(lines["kubernetes.yaml"], "--unready", 0)).toBeGreaterThan(periodSeconds * failureThreshold)
    expect([httpGet.path, shop.livenessProbe.httpGet.path]).toEqual(["/ready", "/live"])
    const status = shop.ports.find(({ name }) => name === httpGet.port)?.containerPort
    expect(shop.command).toContain(`0.0.0.0:${status}`)
    const [, every, fall] = /inter (\d+)s fall (\d+)/.exec(read("haproxy.cfg")) ?? []
    expect(secondsOf(lines["haproxy.cfg"], "--unready", 0)).toBeGreaterThan(Number(every) * Number(fall))
  })
})
