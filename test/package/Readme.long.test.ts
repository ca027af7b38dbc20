/** The programs of the pages behind the README, run as they are shown. */
import { doWhatIsShown } from "./pages.js"

doWhatIsShown(({ file }) => file !== "README.md")
