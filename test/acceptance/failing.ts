/** A6 to A8, A14: workers and supervisors that die or hang; A9, A10: how load spreads over workers. */
import * as os from "node:os"
import { Probe } from "../bench/load/Probe.js"
import type { Check } from "./Check.js"
import { found, seconds, until } from "./Check.js"
import { wrk } from "./reloading.js"
import { ask, cpuOf, isThere, quiet, Served } from "./Served.js"

const A6: Check = {
  claim: "kill -9 of a worker loses at most what it had in hand, and it is back within 1.5 s",
  run: async ({ product }) => {
    await using served = await Served.start(product, `serve works.mjs -w 2 ${quiet}`)
    const probe = new Probe(served.port, 32, "/", "close")
    await probe.answers(2000, 20_000)
    const [pid] = await served.pids()
    process.kill(pid, "SIGKILL")
    await until(5000, () => !isThere(pid))
    const back = await until(10_000, async () => (await served.status()).ready === 2)
    await probe.answers(probe.answered + 1000, 10_000)
    await probe.stop()
    const told = served.count(/was killed by SIGKILL/)
    return found(
      [probe.figure, probe.lost <= 32 && probe.losses.refused === 0 && probe.losses.timeout === 0],
      [`ready again after ${seconds(back)}`, back < 1500],
      [`${told} line with SIGKILL`, told === 1]
    )
  }
}

/** Blocks one of two workers under forty new connections, and kills it after a second if `kill` says so. */
const hung = async (served: Served, kill: boolean): Promise<readonly [string, boolean]> => {
  const [pid] = await served.pids()
  const blocked: Array<Promise<unknown>> = []
  // this is repeated until the other worker has answered
  let tries = 0
  while (tries++ < 50) {
    const body = (await ask({ port: served.port, path: "/" })).body
    if (body === String(pid)) break
  }
  blocked.push(ask({ port: served.port, path: "/work?3000" }).catch(() => undefined))
  await new Promise((resolve) => setTimeout(resolve, 200))
  const counts = { quick: 0, late: 0, lost: 0 }
  const killing = kill
    ? new Promise((resolve) => setTimeout(resolve, 1000)).then(async () => {
      const { workers } = await served.status()
      const quiet = [...workers].sort((a, b) => b.lastBeat - a.lastBeat)[0]
      process.kill(quiet.pid, "SIGKILL")
    })
    : undefined
  await Promise.all(Array.from({ length: 40 }, async (_, i) => {
    await new Promise((resolve) => setTimeout(resolve, i * 40))
    const begun = performance.now()
    try {
      await ask({ port: served.port, path: "/pid" })
      counts[performance.now() - begun < 500 ? "quick" : "late"]++
    } catch {
      counts.lost++
    }
  }))
  await killing
  await Promise.all(blocked)
  return [
    `${kill ? "killed" : "blocked"}: quick ${counts.quick}, late ${counts.late}, lost ${counts.lost}`,
    counts.quick === 40
  ]
}

const A7: Check = {
  claim: "a blocked worker keeps no new connection waiting, neither while it is blocked nor when it is killed",
  run: async ({ product }) => {
    await using served = await Served.start(product, `serve works.mjs -w 2 ${quiet}`)
    const blocked = await hung(served, false)
    const killed = await hung(served, true)
    return found(blocked, killed)
  }
}

const A8: Check = {
  claim: "an app that crashes all the time is started at most 12 times a slot in a minute; exit 6 when none gets ready",
  run: async ({ full, product }) => {
    const time = full ? 60_000 : 20_000
    await using served = await Served.start(product, `serve works.mjs ${quiet}`)
    const pid = served.program.pid ?? 0
    // the app of the second server breaks after the start
    product.write("later.mjs", "export default () => { throw 1 }\n")
    await using hopeless = await Served.start(product, `serve later.mjs -w 2 ${quiet}`)
    product.write("later.mjs", "process.exit(1)\n")
    for (const pid of await hopeless.pids()) process.kill(pid, "SIGKILL")
    const [before, begun] = [cpuOf(pid), performance.now()]
    while (performance.now() - begun < time) await ask({ port: served.port, path: "/crash" }).catch(() => undefined)
    const took = performance.now() - begun
    const cpu = (cpuOf(pid) - before) / took * 100_000
    const starts = served.count(/worker 1 \(\d+\) ready/) - 1
    await Promise.race([hopeless.program.ended, new Promise((resolve) => setTimeout(resolve, 120_000))])
    const lost = hopeless.lines.filter((line) => /no worker became ready after 10 consecutive failures/.test(line))
    const { code } = isThere(hopeless.program.pid ?? 0) ? { code: "none" } : await hopeless.program.ended
    return found(
      [`${starts} starts in ${seconds(took)}`, starts <= 12],
      [`supervisor ${cpu.toFixed(2)} % of CPU`, cpu < 2],
      [`none ready: exit ${code}`, code === 6 && lost.length > 0]
    )
  }
}

const A14: Check = {
  claim: "a supervisor that is killed leaves no process, and its port is free",
  run: async ({ product }) => {
    await using served = await Served.start(product, `serve works.mjs -w 2 ${quiet}`)
    const pids = await served.pids()
    served.program.kill("SIGKILL")
    const gone = await until(2000, () => pids.every((pid) => !isThere(pid)))
    await using again = await Served.start(product, `serve works.mjs --port ${served.port} ${quiet}`, {
      port: served.port
    })
    const { status } = await again.get()
    return found([`workers gone after ${seconds(gone)}`, pids.length === 2 && gone < 2000], [
      `again: ${status}`,
      status === 200
    ])
  }
}

const A9: Check = {
  claim:
    "two workers do 1.8 times the work of one (1 ms of it); hello and a connection each are told, fair with a third core",
  run: async (asked) => {
    const time = asked.full ? 15 : 4
    const fair = os.availableParallelism() > 2
    const rates = async (workers: number): Promise<ReadonlyArray<number>> => {
      await using served = await Served.start(asked.product, `serve works.mjs -w ${workers} ${quiet}`)
      await using hello = await Served.start(asked.product, `serve wsgi.mjs -w ${workers} ${quiet}`)
      const url = (port: number, target = "/") => `http://127.0.0.1:${port}${target}`
      return [
        (await wrk(asked, "-c16", `-d${time}s`, url(served.port, "/work?1"))).rate,
        (await wrk(asked, "-c64", `-d${time}s`, url(hello.port))).rate,
        (await wrk(asked, "-c64", `-d${time}s`, "-H", "Connection: close", url(hello.port))).rate
      ]
    }
    const one = await rates(1)
    const two = await rates(2)
    const least = [1.8, 1.5, 1.5]
    return found(...["1 ms of work", "hello", "a connection each"].map((name, i) => {
      const ratio = two[i] / one[i]
      const figure = `${name}: ${one[i].toFixed(0)} and ${two[i].toFixed(0)} a second, x${ratio.toFixed(2)}`
      return i === 0 || fair
        ? [figure, ratio >= least[i]] as const
        : [`${figure} with the load on the same cores`] as const
    }))
  }
}

const A10: Check = {
  claim: "of four workers the luckiest has at most half of 200 kept connections' requests",
  run: async ({ product }) => {
    await using served = await Served.start(product, `serve works.mjs -w 4 ${quiet}`)
    const probe = new Probe(served.port, 200, "/pid", "keep")
    await new Promise((resolve) => setTimeout(resolve, 5000))
    await probe.stop()
    const shares = [...probe.bodies.values()].sort((a, b) => b - a).map((count) => count / probe.answered)
    return found(
      [shares.map((share) => `${(share * 100).toFixed(0)} %`).join(", "), shares[0] <= 0.5],
      [probe.figure, probe.lost === 0]
    )
  }
}

export const failing = { A6, A7, A8, A9, A10, A14 }
