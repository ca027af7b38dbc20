/** Conformance.test.ts, over every listener. */
import "./Conformance.test.js"
