/** Interleaving.test.ts, with more examples. */
import "./Interleaving.test.js"
