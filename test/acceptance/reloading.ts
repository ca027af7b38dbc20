/** A2 to A5, A16, A17, A22, A27: workers that are replaced under load. */
import * as fs from "node:fs"
import * as path from "node:path"
import { type Mode, Probe } from "../bench/load/Probe.js"
import { saying } from "./apps.js"
import type { Asked, Check, Found } from "./Check.js"
import { found, seconds, until } from "./Check.js"
import { childrenOf, quiet, Served, statOf } from "./Served.js"

/** Reloads under one kind of load; nothing may be lost. */
const underLoad = async (
  { full, product }: Asked,
  mode: Mode,
  target: string,
  clients: number,
  app = "works.mjs"
): Promise<readonly [string, boolean]> => {
  const [reloads, requests] = full ? [20, 100_000] : [5, 5000]
  await using served = await Served.start(product, `serve ${app} -w 2 ${quiet}`)
  const probe = new Probe(served.port, clients, target, mode)
  const failed = await served.reload(reloads)
  await probe.answers(requests, 150_000)
  await probe.stop()
  return [
    `${probe.figure} in ${reloads - failed} reloads, slowest ${probe.slowest.toFixed(0)} ms`,
    probe.lost === 0 && failed === 0 && probe.answered >= requests
  ]
}

const A2: Check = {
  claim: "clients that keep their connections lose nothing while all is reloaded",
  run: async (asked) => found(await underLoad(asked, "keep", "/", 32))
}

const A3: Check = {
  claim: "neither do those with a connection each, with idle ones, or with slow requests, or those of an Effect app",
  run: async (asked) => {
    const many = asked.full ? 1000 : 200
    return found(
      await underLoad(asked, "close", "/", 32),
      await underLoad(asked, { idle: 300 }, "/", many),
      await underLoad(asked, "keep", "/slow?300", many),
      await underLoad(asked, "keep", "/", 32, "httpApp.mjs")
    )
  }
}

interface Wrk {
  readonly errors: string | undefined
  /** Milliseconds. */
  readonly p99: number
  readonly rate: number
}

/** The report of wrk on a load. */
export const wrk = async ({ product }: Asked, ...args: ReadonlyArray<string>): Promise<Wrk> => {
  const { stdout } = await product.run("wrk", "-t1", "--latency", ...args)
  const text = stdout.join("\n")
  const [, p99, unit] = /99% +([\d.]+)(us|ms|s)/.exec(text) ?? []
  const [errors] = /Socket errors:.*/.exec(text) ?? []
  return {
    errors,
    p99: Number(p99) * { us: 0.001, ms: 1, s: 1000 }[unit as "us" | "ms" | "s"],
    rate: Number(/Requests\/sec: +([\d.]+)/.exec(text)?.[1])
  }
}

const A4: Check = {
  claim: "wrk -c64 sees no socket error in ten HUPs, and a p99 below twice that without",
  run: async (asked) => {
    const time = asked.full ? 30 : 10
    const hups = asked.full ? 10 : 3
    await using served = await Served.start(asked.product, `serve works.mjs -w 2 ${quiet}`)
    const load = () => wrk(asked, "-c64", `-d${time}s`, `http://127.0.0.1:${served.port}/`)
    const calm = await load()
    const loading = load()
    for (let i = 0; i < hups; i++) {
      served.program.kill("SIGHUP")
      await until(20_000, () => served.count(/reloaded in/) > i)
      await new Promise((resolve) => setTimeout(resolve, time * 1000 / hups / 3))
    }
    const busy = await loading
    return found(
      [busy.errors ?? `no socket errors, ${served.count(/reloaded in/)} reloads`, busy.errors === undefined],
      [`p99 ${busy.p99.toFixed(1)} ms, without ${calm.p99.toFixed(1)} ms`, busy.p99 < 2 * calm.p99]
    )
  }
}

const A5: Check = {
  claim: "a reload to a broken app is refused with 8 and its error, and the old workers stay",
  run: async ({ product }) => {
    product.write("changed.mjs", saying("good"))
    await using served = await Served.start(product, `serve changed.mjs -w 2 ${quiet}`)
    const before = await served.pids()
    const probe = new Probe(served.port, 32, "/", "keep")
    product.write("changed.mjs", `throw new Error("broken on purpose")\n`)
    const { code, stderr } = await served.verb("reload")
    await probe.answers(probe.answered + 500, 10_000)
    await probe.stop()
    const after = await served.pids()
    const { lastReload } = await served.status()
    return found(
      [`exit ${code}`, code === 8],
      [stderr.join(" "), stderr.join(" ").includes("broken on purpose")],
      [`lastReload.error ${lastReload?.error}`, lastReload?.error?.includes("broken on purpose") === true],
      [probe.figure, probe.lost === 0],
      ["old pids still there", before.length === 2 && before.join() === after.join()]
    )
  }
}

const A16: Check = {
  claim: "a leaking app is replaced with both figures, one worker at a time, and nothing is lost",
  run: async ({ full, product }): Promise<Found> => {
    await using served = await Served.start(product, `serve works.mjs -w 2 --max-memory 150MiB ${quiet}`)
    const probe = new Probe(served.port, 4, "/", "keep")
    let most = 0
    const begun = performance.now()
    let leaked = 0
    // no worker is replaced in its first minute
    while (performance.now() - begun < (full ? 90_000 : 75_000)) {
      const { workers } = await served.status()
      most = Math.max(most, workers.filter(({ state }) => state === "booting").length)
      if (workers.some(({ rss, state }) => state === "ready" && rss < 170 * 1_048_576) && leaked < 6000) {
        await served.get("/leak")
        leaked++
      } else await new Promise((resolve) => setTimeout(resolve, 50))
    }
    await probe.stop()
    const replaced = served.count(/is replaced: \d+ MiB is more than --max-memory 150 MiB, twice/)
    return found(
      [`${replaced} replaced for their memory`, replaced >= 1],
      [`at most ${most} booting at a time`, most <= 1],
      [probe.figure, probe.lost === 0]
    )
  }
}

const A17: Check = {
  claim: "with --max-requests 1000 --jitter 10% each is replaced at 1,000 to 1,100, and nothing is lost",
  run: async ({ full, product }) => {
    const [requests, wanted] = full ? [50_000, 10] : [5000, 3]
    await using served = await Served.start(product, `serve works.mjs -w 2 --max-requests 1000 --jitter 10% ${quiet}`)
    const probe = new Probe(served.port, 16, "/", "keep")
    await probe.answers(requests, 200_000)
    // a quick machine answers them all before the first successor is ready, so the clients go on until so many have their turn
    await until(60_000, () => served.count(/is replaced: [\d,]+ requests/) >= wanted)
    await probe.stop()
    const told = served.lines.flatMap((line) => /is replaced: ([\d,]+) requests/.exec(line)?.[1] ?? [])
      .map((count) => Number(count.replaceAll(",", "")))
    const [least, most] = [Math.min(...told), Math.max(...told)]
    return found(
      [
        `${told.length} replaced, each when it had answered ${least} to ${most}`,
        told.length >= wanted && least >= 1000 && most <= 1100
      ],
      [probe.figure, probe.lost === 0 && probe.answered >= requests]
    )
  }
}

const A22: Check = {
  claim: "tsgi dev sees each save within a second, keeps serving at a syntax error, and serves what is mended",
  run: async ({ full, product }) => {
    const folder = path.join(product.folder, "watched")
    fs.mkdirSync(folder, { recursive: true })
    const file = path.join(folder, "app.mjs")
    fs.writeFileSync(file, saying("0"))
    await using served = await Served.start(product, `dev watched/app.mjs --watch-path watched --settle 0s ${quiet}`)
    let slowest = 0
    let latest = 0
    const saves = full ? 20 : 5
    for (let i = 1; i <= 2 * saves; i++) {
      const before = served.count(/has changed/)
      if (i % 2 === 1) {
        const other = path.join(product.folder, "app.saved")
        fs.writeFileSync(other, saying(`${i}`))
        fs.renameSync(other, file)
      } else fs.writeFileSync(file, saying(`${i}`))
      slowest = Math.max(slowest, await until(5000, () => served.count(/has changed/) > before))
      latest = Math.max(latest, await until(10_000, async () => (await served.get()).body === `${i}`))
      // a change during a reload is reported after it
      await until(10_000, () => served.count(/reloaded in/) >= served.count(/has changed/))
    }
    fs.writeFileSync(file, "export default (")
    await until(10_000, () => served.count(/reload refused/) > 0)
    const kept = (await served.get()).body
    fs.writeFileSync(file, saying("mended"))
    const mended = await until(10_000, async () => (await served.get()).body === "mended")
    return found(
      [`${2 * saves} saves, seen within ${seconds(slowest)}, served ${seconds(latest)} later`, slowest < 1000],
      [`syntax error: ${kept} is served`, kept === `${2 * saves}`],
      [`mended after ${seconds(mended)}`, mended < 10_000]
    )
  }
}

const A27: Check = {
  claim: "a hundred reloads leave descriptors, memory and listeners of the supervisor as they were, and no zombie",
  run: async ({ full, product }) => {
    const reloads = full ? 100 : 10
    await using served = await Served.start(product, `serve wsgi.mjs -w 2 --settle 0s ${quiet}`)
    const pid = served.program.pid ?? 0
    const look = async () => ({
      descriptors: fs.readdirSync(`/proc/${pid}/fd`).length,
      rss: Number(/^VmRSS:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024,
      listeners: (await served.status()).listeners.length
    })
    // it reloads once first, so that its code for reloads is loaded
    await served.reload(1)
    await until(5000, () => childrenOf(pid).length === 2)
    const first = await look()
    const failed = await served.reload(reloads)
    await until(5000, () => childrenOf(pid).length === 2)
    const last = await look()
    const children = childrenOf(pid)
    const zombies = children.filter((child) => statOf(child)?.[0] === "Z").length
    return found(
      [`${reloads - failed} reloads`, failed === 0],
      [`descriptors ${first.descriptors} and ${last.descriptors}`, first.descriptors === last.descriptors],
      [`RSS ${first.rss.toFixed(1)} and ${last.rss.toFixed(1)} MiB`, Math.abs(last.rss / first.rss - 1) <= 0.1],
      [`listeners ${first.listeners} and ${last.listeners}`, first.listeners === last.listeners],
      [`${children.length} children, ${zombies} zombies`, children.length === 2 && zombies === 0]
    )
  }
}

export const reloading = { A2, A3, A4, A5, A16, A17, A22, A27 }
