/** ForgedLog.test.ts, with more examples. */
import "./ForgedLog.test.js"
