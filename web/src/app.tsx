import { LostLine, TopBar } from "./parts/TopBar.tsx";
import { Empty } from "./parts/bits.tsx";
import { Flags } from "./parts/Flags.tsx";
import { Sayings } from "./parts/say.tsx";
import { fresh } from "./live/state.ts";
import { Audit } from "./pages/Audit.tsx";
import { Checklist } from "./pages/Checklist.tsx";
import { Compare } from "./pages/Compare.tsx";
import { History } from "./pages/History.tsx";
import { Output } from "./pages/Output.tsx";
import { Past } from "./pages/Past.tsx";
import { Service } from "./pages/Service.tsx";
import { Services } from "./pages/Services.tsx";
import { Settings } from "./pages/Settings.tsx";
import { SignIn } from "./pages/SignIn.tsx";
import { Title } from "./pages/Title.tsx";
import { route } from "./router.ts";

export function App() {
  return (
    <>
      <a class="skip" href="#main" data-plain="1">
        To the content
      </a>
      <TopBar />
      <LostLine />
      <main id="main" class={fresh.value ? "" : "stale"}>
        <Page />
      </main>
      <Sayings />
    </>
  );
}

function Page() {
  const at = route.value;
  if (at.page === "services") return <Services />;
  if (at.page === "service") return <Service key={at.service} name={at.service} />;
  if (at.page === "past") return <Past key={at.rollout} service={at.service} rollout={at.rollout} />;
  if (at.page === "compare") return <Compare service={at.service} />;
  if (at.page === "output") return <Output service={at.service} />;
  if (at.page === "checklist") return <Checklist service={at.service} />;
  if (at.page === "flags" || at.page === "flag" || at.page === "stale-flags") return <Flags at={at} />;
  if (at.page === "audit") return <Audit />;
  if (at.page === "settings") return <Settings />;
  if (at.page === "sign-in") return <SignIn />;
  if (at.page === "history") return <History />;
  return (
    <>
      <Title name="Not here" />
      <Empty title="There is no such page.">
        <p>
          <a href="/">All services</a>
        </p>
      </Empty>
    </>
  );
}
