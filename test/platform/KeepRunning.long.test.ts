/** KeepRunning.test.ts, with every kind of app. */
import "./KeepRunning.test.js"
