/** Leavers.test.ts, with every kind of app. */
import "./Leavers.test.js"
