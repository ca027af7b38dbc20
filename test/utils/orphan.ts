/**
 * Ends this worker when its runner is gone for whatever reason. Otherwise the worker would go on with its test and its programs.
 * A file that has ended leaves no programs.
 */
import { afterAll } from "vitest"
import { endAll } from "./processes.js"

afterAll(endAll)

const isFirst = process.listenerCount("disconnect") === 0

// this is done once in a worker, which has many files
if (isFirst) process.once("disconnect", () => process.exit(1))
