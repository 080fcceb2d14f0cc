import { render } from "preact";

import { App } from "./app.tsx";
import { startPolling } from "./live/poll.ts";
import { startRouter } from "./router.ts";
import "./styles/index.css";

startRouter();
startPolling();
const host = document.getElementById("app");
if (host) render(<App />, host);
