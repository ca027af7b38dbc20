/** Producers.test.ts, at every door. */
import "./Producers.test.js"
