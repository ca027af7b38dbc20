/**
 * Warnings about the machine on which a server runs, and the figures from which they are computed.
 *
 * @since 0.2.0
 */
import * as Fs from "node:fs"
import type { Listening } from "./Listening.js"
import { describeSize, plural } from "./values.js"

/** The share of the memory above which a peak of one worker may make the system kill another one. */
const warningShare = 0.8

/**
 * A warning if workers need more than 80 % of the memory limit; `undefined` otherwise.
 *
 * @param workers the number of workers
 * @param worker bytes of the largest worker
 * @param limit the most bytes of all workers together
 *
 * @since 0.2.0
 * @category constructors
 */
export const memoryWarning = (workers: number, worker: number, limit: number): string | undefined =>
  workers * worker <= warningShare * limit
    ? undefined
    : `${plural(workers, "worker")} of ${describeSize(worker)} need more than 80% of the ${
      describeSize(limit)
    } that this control group may have: fewer workers, or a higher limit`

/**
 * A warning if a server in a container only listens on loopback; `undefined` otherwise.
 *
 * @since 0.2.0
 * @category constructors
 */
export const loopbackHint = (
  listening: ReadonlyArray<Pick<Listening, "address" | "from">>,
  isContainer: boolean
): string | undefined =>
  isContainer && listening.length > 0 &&
    listening.every(({ address, from }) => from === "bind" && /^https?:\/\/(?:127\.|\[::1\]|localhost)/.test(address))
    ? "listening on loopback in a container: nothing outside it can connect; --host 0.0.0.0 allows that"
    : undefined

/**
 * The memory limit of this process' control group (v2) in bytes; `Infinity` if there is none, or if it cannot be read.
 *
 * @since 0.2.0
 * @category accessors
 */
export const memoryLimit = (read: (path: string) => string = (path) => Fs.readFileSync(path, "utf8")): number => {
  try {
    const given = read("/sys/fs/cgroup/memory.max").trim()
    return /^\d+$/.test(given) ? Number(given) : Infinity
  } catch {
    return Infinity
  }
}

/**
 * Whether this process runs in a container. Docker and Podman leave a file, Kubernetes and systemd a variable.
 *
 * @since 0.2.0
 * @category accessors
 */
export const isContainer = (
  env: Readonly<Record<string, string | undefined>>,
  exists: (path: string) => boolean = Fs.existsSync
): boolean =>
  exists("/.dockerenv") || exists("/run/.containerenv") || env["KUBERNETES_SERVICE_HOST"] !== undefined ||
  env["container"] !== undefined
