/** The lines of the command on a terminal, and about its machine. */
import * as fs from "node:fs"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { banner, foundBy, mayUseColor, reachable, type Ready } from "../../src/cli/banner.js"
import { isContainer, loopbackHint, memoryLimit, memoryWarning } from "../../src/cli/hints.js"
import { installed, Program } from "../utils/processes.js"
import { folderWithCommand, write } from "./command.js"

const ready: Ready = {
  version: "0.2.0",
  found: "--name shop",
  app: "./app.ts",
  addresses: [["Local", "http://127.0.0.1:8090"]],
  took: 417,
  workers: 2,
  here: false,
  pid: 4711,
  dev: false,
  hasControl: true,
  statusAt: undefined
}

describe("the banner", () => {
  it("finds the server by its name, or where its socket was put, in words for a shell", () => {
    expect(foundBy("/run/shop.sock", "shop", "/run/shop.sock")).toBe("--name shop")
    expect(foundBy("/run/our shop.sock", "our shop", "/run/our shop.sock")).toBe("--name 'our shop'")
    expect(foundBy("/srv/it's.sock", "shop", "/run/shop.sock")).toBe("--control '/srv/it'\\''s.sock'")
  })

  it("says where it is, and how it is reloaded and stopped", () => {
    expect(banner(ready, false).split("\n")).toEqual([
      "",
      "  tsgi 0.2.0  ready in 417 ms",
      "",
      "  ➜  Local:   http://127.0.0.1:8090",
      "  ➜  App:     ./app.ts, 2 workers",
      "  ➜  Status:  npx tsgi status --name shop",
      "  ➜  Reload:  npx tsgi reload --name shop, or kill -HUP 4711",
      "  ➜  Stop:    Ctrl-C",
      ""
    ])
    expect(banner({ ...ready, dev: true, hasControl: false }, false)).toMatch(/Reload: {2}save a file\n/)
    expect(banner({ ...ready, hasControl: false, here: true }, false)).not.toMatch(/npx|Reload/)
    expect(banner({ ...ready, statusAt: "http://127.0.0.1:9090" }, false)).toContain("Status:  http://127.0.0.1:9090")
    expect(banner(ready, true)).toContain("\x1b[36mhttp://127.0.0.1:8090\x1b[0m")
  })

  it.each<readonly [address: string, shown: ReadonlyArray<readonly [where: string, address: string]>]>([
    ["http://127.0.0.1:8090", [["Local", "http://127.0.0.1:8090"]]],
    ["https://[::1]:8090", [["Local", "https://[::1]:8090"]]],
    ["http://localhost:8090", [["Local", "http://localhost:8090"]]],
    ["http://10.0.0.5:8090", [["Network", "http://10.0.0.5:8090"]]],
    ["http://[fd00::5]:8090", [["Network", "http://[fd00::5]:8090"]]],
    ["http://0.0.0.0:8090", [
      ["Local", "http://localhost:8090"],
      ["Network", "http://10.0.0.5:8090"],
      ["Network", "http://192.168.1.7:8090"]
    ]],
    ["https://[::]:8443", [
      ["Local", "https://localhost:8443"],
      ["Network", "https://10.0.0.5:8443"],
      ["Network", "https://192.168.1.7:8443"]
    ]],
    ["unix:/run/app.sock", [["Local", "unix:/run/app.sock"]]],
    ["fd:3", [["Local", "fd:3"]]]
  ])("shows where %s can be reached from, as Vite does", (address, shown) => {
    const one = { netmask: "255.0.0.0", mac: "00:00:00:00:00:00", cidr: null, family: "IPv4" as const, internal: false }
    expect(reachable(address, {
      lo: [{ ...one, address: "127.0.0.1", internal: true }],
      eth0: [{ ...one, address: "10.0.0.5" }, { ...one, family: "IPv6", scopeid: 0, address: "fe80::1" }],
      wlan0: [{ ...one, address: "192.168.1.7" }],
      none: undefined
    })).toEqual(shown)
  })

  it("is painted where it may be", () => {
    expect([{}, { NO_COLOR: "" }, { NO_COLOR: "1" }, { TERM: "dumb" }].map(mayUseColor)).toEqual([
      true,
      true,
      false,
      false
    ])
  })
})

describe("of the machine", () => {
  const gib = 1024 ** 3
  it("there is a warning above 80% of the memory", () => {
    expect(memoryWarning(4, 0.2 * gib, gib)).toBeUndefined()
    expect(memoryWarning(5, 0.2 * gib, gib)).toMatch(/^5 workers of 205 MiB need more than 80% of the 1024 MiB that/)
    expect(memoryWarning(50, gib, Infinity)).toBeUndefined()
    expect(memoryLimit(() => "536870912\n")).toBe(536_870_912)
    expect(memoryLimit(() => "max\n")).toBe(Infinity)
    expect(memoryLimit(() => {
      throw new Error("ENOENT")
    })).toBe(Infinity)
  })

  it.each<readonly [addresses: ReadonlyArray<string>, isTold: boolean]>([
    [["http://127.0.0.1:8090"], true],
    [["https://[::1]:8090", "http://127.0.0.1:1"], true],
    [["http://0.0.0.0:8090"], false],
    [["http://127.0.0.1:1", "http://10.0.0.1:1"], false],
    [["unix:/run/app.sock"], false],
    [[], false]
  ])("%j in a container: %s", (addresses, isTold) => {
    const listening = addresses.map((address) => ({ address, from: "bind" as const }))
    expect(loopbackHint(listening, true) !== undefined).toBe(isTold)
    expect(loopbackHint(listening, false)).toBeUndefined()
    expect(loopbackHint(listening.map((one) => ({ ...one, from: "activation" as const })), true)).toBeUndefined()
  })

  it("a container is known by what it leaves", () => {
    const has = (...paths: ReadonlyArray<string>) => (path: string) => paths.includes(path)
    expect(isContainer({}, has())).toBe(false)
    expect(isContainer({}, has("/.dockerenv"))).toBe(true)
    expect(isContainer({}, has("/run/.containerenv"))).toBe(true)
    expect(isContainer({ KUBERNETES_SERVICE_HOST: "10.0.0.1" }, has())).toBe(true)
    expect(isContainer({ container: "systemd-nspawn" }, has())).toBe(true)
  })
})

const script = installed("script")

describe.skipIf(script === undefined)("on a terminal", { timeout: 60_000 }, () => {
  let folder: string
  beforeAll(async () => {
    folder = await folderWithCommand("terminal")
    write(folder, "app.mjs", `export default (env, startResponse) => { startResponse("200 OK", []); return "" }`)
  }, 60_000)
  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

  it("shows the banner without colours where NO_COLOR is set", async () => {
    const line = `exec ${process.execPath} dist/cli.js serve app.mjs -p 0 --settle 0s --control none`
    await using program = new Program(script ?? "", ["-qec", line, "/dev/null"], { cwd: folder })
    await program.line(/^ {2}tsgi 0\.0\.0-test {2}ready in \d+ ms/)
    const [, address] = await program.line(/^ {2}➜ {2}Local: {3}(http:\/\/127\.0\.0\.1:\d+)/)
    const [, pid] = await program.line(/Reload: {2}kill -HUP (\d+)/)
    await program.line(/Stop: {4}Ctrl-C/)
    expect(program.stdout.join("\n")).not.toContain("\x1b")
    expect((await fetch(address)).status).toBe(200)
    process.kill(Number(pid), "SIGINT")
    await program.ended
  })

  it("says at a start what it is once, in the banner, and then a line for each event", async () => {
    const line =
      `exec ${process.execPath} dist/cli.js serve app.mjs -p 0 -w 2 --host 0.0.0.0 --settle 0s --control none`
    await using program = new Program(script ?? "", ["-qec", line, "/dev/null"], { cwd: folder })
    const [, pid] = await program.line(/Reload: {2}kill -HUP (\d+)/)
    await program.line(/Stop: {4}Ctrl-C/)
    const start = program.stdout.join("\n")
    expect(start).toMatch(/Local: {3}http:\/\/localhost:\d+/)
    expect(start).not.toMatch(/ info |starting up|0\.0\.0\.0/)
    process.kill(Number(pid), "SIGHUP")
    await program.line(/info {2}reloaded in/)
    const later = program.stdout.slice(start.split("\n").length).join("\n")
    expect(later).toMatch(/info {2}worker 1 \(\d+\) ready in/)
    expect(later).not.toContain("starting up")
    process.kill(Number(pid), "SIGINT")
    await program.ended
  })

  it("says what is wrong, and where it is asked to say all, all", async () => {
    const start = async (more: string): Promise<string> => {
      const line = `exec ${process.execPath} dist/cli.js serve ${more} -p 0 --settle 0s --control none`
      await using program = new Program(script ?? "", ["-qec", line, "/dev/null"], { cwd: folder })
      if (more.startsWith("nix")) return (await program.ended).stdout.join("\n")
      await program.line(/Stop: {4}Ctrl-C/)
      // the worker writes it itself
      if (more.endsWith("debug")) await program.line(/^\(\d+\) tsgi starting up on http/)
      return program.stdout.join("\n")
    }
    expect(await start("nix.mjs")).toContain("tsgi: there is no nix.mjs")
    expect(await start("app.mjs --log-level debug")).toMatch(/info {2}listening on http/)
    expect(await start("app.mjs --log-level info")).not.toMatch(/ info /)
  })

  it("says what it waits for while the banner is long in coming", async () => {
    write(
      folder,
      "slow.mjs",
      `await new Promise((resolve) => process.once("SIGUSR2", resolve))
export { default } from "./app.mjs"`
    )
    const line = `exec ${process.execPath} dist/cli.js serve slow.mjs -p 0 --settle 0s --control none`
    await using program = new Program(script ?? "", ["-qec", line, "/dev/null"], { cwd: folder })
    const [, pid] = await program.line(/tsgi\[(\d+)\] info {2}still starting after 2 s: worker 1 loads slow\.mjs/)
    expect(program.stdout.join("\n")).not.toMatch(/info {2}listening|➜/)
    const children = fs.readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ")
    for (const child of children) process.kill(Number(child), "SIGUSR2")
    await program.line(/Stop: {4}Ctrl-C/)
  })

  it("reloads on a HUP of another process, and stops on that of a closed terminal", async () => {
    const line = `exec ${process.execPath} dist/cli.js serve app.mjs -p 0 --settle 0s --control none --pid-file pid`
    await using program = new Program(script ?? "", ["-qec", line, "/dev/null"], { cwd: folder })
    const [, pid] = await program.line(/Reload: {2}kill -HUP (\d+)/)
    process.kill(Number(pid), "SIGHUP")
    await program.line(/reloaded in/)
    program.kill("SIGKILL")
    // a graceful stop removes the file
    await expect.poll(() => fs.existsSync(`${folder}/pid`), { timeout: 20_000 }).toBe(false)
    await expect.poll(() => fs.existsSync(`/proc/${pid}`), { timeout: 20_000 }).toBe(false)
  })
})
