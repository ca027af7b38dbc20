/** WaitingLimit.test.ts, with every scene. */
import "./WaitingLimit.test.js"
