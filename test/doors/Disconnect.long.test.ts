/** Disconnect.test.ts, at every door. */
import "./Disconnect.test.js"
