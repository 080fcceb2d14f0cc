import { render } from "preact";

import { App } from "./app.tsx";
import { startGuard } from "./live/session.ts";
import { start } from "./live/start.ts";
import { startRouter } from "./router.ts";
import "./styles/index.css";

startRouter();
startGuard();
void start();
const host = document.getElementById("app");
if (host) render(<App />, host);
