// Made from the views of src/ferryman by tests/unit/api/test_web_types.py --rewrite; not to be edited.
// Times are epoch seconds.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export interface SideView {
  revision: string;
  label: string;
  role: string;
  wanted: number;
  ready: number;
  live: number;
  weight_asked: number;
  weight_seen: number;
  requests_per_second: number | null;
  error_percent: number | null;
  p50_ms: number | null;
  p95_ms: number | null;
  p99_ms: number | null;
  cpu_percent: number | null;
  memory_bytes: number | null;
  total_requests: number;
  stage_requests: number;
  stage_errors: number;
  reasons: string[];
}

export interface StepView {
  name: string;
  phase: string;
  state: string;
  exposure_percent: number;
  gates: string[];
}

export interface GivenView {
  at: number;
  by: string;
  role: string;
  reason: string;
}

export interface ApprovalView {
  key: string;
  step: number;
  step_name: string;
  role: string;
  needed: number;
  given: GivenView[];
  state: string;
  since: number;
  until: number | null;
  denied: GivenView | null;
}

export interface IncidentView {
  rollout: string;
  at: number;
  label: string;
  postmortem: string;
}

export interface RolloutView {
  id: string;
  number: number;
  kind: string;
  strategy: string;
  attempt: number;
  candidate: string;
  stable: string | null;
  phase: string;
  track: string;
  step: number;
  steps: StepView[];
  exposure_percent: number;
  max_exposure_percent: number;
  created_at: number;
  created_by: string;
  started_at: number | null;
  ended_at: number | null;
  reached_at: number | null;
  pause_kind: string | null;
  pause_reason: string | null;
  pause_since: number | null;
  pause_by: string | null;
  cause_kind: string | null;
  cause_reason: string | null;
  reason: string;
  rollback_seconds: number | null;
  ready_seconds: number | null;
  superseded_by: string | null;
  verdict: string | null;
  verdict_reason: string;
  evidence: Record<string, Json>;
  waiting_for: string;
  next: string;
  until: number | null;
  eta_seconds: number | null;
  approvals: ApprovalView[];
  emergency: boolean;
  incident: IncidentView | null;
  held: string;
}

export interface EventView {
  position: number;
  service: string;
  seq: number;
  rollout: string;
  at: number;
  actor: string;
  kind: string;
  text: string;
  body: Record<string, Json>;
  hash: string;
}

export interface InstanceView {
  id: string;
  label: string;
  state: string;
  started_at: number;
  port: number | null;
  cpu_percent: number | null;
  memory_bytes: number | null;
  reason: string;
}

export interface FreezeView {
  by: string;
  reason: string;
  since: number;
  until: number | null;
}

export interface ServiceView {
  service: string;
  at: number;
  healthy: boolean;
  trouble: string;
  serving: string | null;
  down: boolean;
  url: string | null;
  preview_url: string | null;
  rollout: RolloutView | null;
  sides: SideView[];
  instances: InstanceView[];
  legal: string[];
  queue: string[];
  recent: EventView[];
  position: number;
  freeze: FreezeView | null;
  standing: string;
  unheard: string[];
  incident: IncidentView | null;
}

export interface SideSeries {
  requests_per_second: (number | null)[];
  error_percent: (number | null)[];
  p50_ms: (number | null)[];
  p95_ms: (number | null)[];
  p99_ms: (number | null)[];
  cpu_percent: (number | null)[];
  memory_bytes: (number | null)[];
}

export interface MetricSeries {
  at: number[];
  stable: (number | null)[];
  candidate: (number | null)[];
  ratio: (number | null)[];
  low: (number | null)[];
  high: (number | null)[];
  log_e: (number | null)[];
  promote_log_e: (number | null)[];
}

export interface MeasurementSeries {
  rollout: string;
  measured: number;
  at: number[];
  attempt: number[];
  stage: (number | null)[];
  weight_percent: (number | null)[];
  verdict: string[];
  stable: SideSeries;
  candidate: SideSeries;
  log_e: (number | null)[];
  fail_at: number | null;
  promote: MetricSeries;
  pass_at: number | null;
  metrics: Record<string, MetricSeries>;
}

export interface AnswerView {
  service: string;
  text: string;
  rollout: string | null;
  changed: boolean;
  held: string;
  held_until: number | null;
}

export interface RolloutSummary {
  id: string;
  number: number;
  kind: string;
  strategy: string;
  candidate: string;
  stable: string | null;
  outcome: string;
  reason: string;
  created_at: number;
  created_by: string;
  ended_at: number | null;
  seconds: number | null;
  rollback_seconds: number | null;
  max_exposure_percent: number;
  attempt: number;
  cause_kind: string | null;
  ready_seconds: number | null;
}

export interface Run {
  command: string[];
  directory: string;
  env: Record<string, string>;
  secrets: string[];
  artifact: string | null;
  stop_seconds: number;
}

export interface Health {
  http_path: string | null;
  tcp: boolean;
  interval_seconds: number;
  timeout_seconds: number;
  min_ready_seconds: number;
}

export interface Revision {
  id: string;
  label: string;
  digest: string;
  run: Run;
  health: Health;
  traffic: boolean;
}

export interface RolloutDetail {
  summary: RolloutSummary;
  revision: Revision;
  replicas: number;
  steps: StepView[];
  notes: string[];
  incident: IncidentView | null;
}

export interface AuditLine {
  at: number;
  actor: string;
  service: string;
  rollout: string;
  stream: string;
  seq: number;
  kind: string;
  text: string;
  reason: string;
  hash: string;
}

export interface AuditPage {
  lines: AuditLine[];
  before: string;
}

export interface ChainView {
  stream: string;
  kind: string;
  count: number;
  problem: string;
}

export interface ChainsView {
  intact: boolean;
  chains: ChainView[];
}

export interface HealthView {
  version: string;
  pid: number;
  project: string;
  started_at: number;
}

export interface EventsPage {
  events: EventView[];
  position: number;
}

export interface Verified {
  events: number;
}

export interface TokenView {
  id: string;
  name: string;
  roles: Record<string, "viewer" | "operator" | "admin">;
  state: string;
  created_at: number;
  created_by: string;
  expires_at: number | null;
  revoked_at: number | null;
  used_at: number | null;
  program: string;
  environment: string;
}

export interface TokenMade {
  token: string;
  view: TokenView;
}

export interface SessionView {
  name: string;
  roles: Record<string, "viewer" | "operator" | "admin">;
  via: string;
  csrf: string;
  expires_at: number | null;
  oidc: boolean;
}

export interface EnvironmentView {
  name: string;
  version: number;
  flags: number;
  killed: number;
  trouble: string;
}

export interface DoneView {
  version: number;
  at: number;
  actor: string;
  kind: string;
  reason: string;
}

export interface Override {
  kind: string;
  since: number;
  by: string;
  reason: string;
  version: number;
}

export interface StaleView {
  code: string;
  environment: string;
  message: string;
  command: string;
  since: number;
}

export interface FlagCell {
  environment: string;
  state: string;
  serves: string;
  exposed_percent: number;
  rules: number;
  version: number;
  changed_at: number;
  changed_by: string;
}

export interface FlagRow {
  key: string;
  kind: string;
  owner: string;
  expires: string;
  description: string;
  cells: FlagCell[];
  stale: StaleView[];
  requests: number;
}

export interface FlagsBoard {
  version: number;
  environments: EnvironmentView[];
  flags: FlagRow[];
  trouble: string;
}

export interface FlagsNews {
  version: number;
  rows: FlagRow[];
  gone: string[];
  whole: boolean;
}

export interface Sentence {
  who: string;
  serves: string;
}

export interface SlotView {
  variant: string;
  percent: number;
  exposed: boolean;
}

export interface VariantView {
  name: string;
  value: Json;
}

export interface BreakerView {
  state: string;
  what: string;
  value: number | null;
  trouble: string;
}

export interface PlaceView {
  cell: FlagCell;
  exposure_percent: number | null;
  by: string;
  breaker: string;
  override: Override | null;
  rules: Sentence[];
  slots: SlotView[];
  history: DoneView[];
  needed_by: string[];
  driver: string;
  watched: BreakerView | null;
}

export interface Given {
  at: number;
  by: string;
  role: string;
  reason: string;
}

export interface Move {
  before: string;
  after: string;
  users: number;
}

export interface ChangePlan {
  flag: string;
  environment: string;
  before_percent: number;
  after_percent: number;
  moved: number;
  left: number;
  joined: number;
  moves: Move[];
  exact: boolean;
  uncounted: string[];
}

export interface WaitingView {
  number: number;
  at: number;
  author: string;
  summary: string;
  reason: string;
  needed: number;
  role: string;
  digest: string;
  given: Given[];
  plans: ChangePlan[];
  trouble: string;
}

export interface FlagEverywhere {
  version: number;
  row: FlagRow;
  variants: VariantView[];
  off: string;
  places: PlaceView[];
  requests: WaitingView[];
  trouble: string;
}

export interface Problem {
  file: string;
  line: number;
  column: number;
  path: string;
  value: string;
  message: string;
  hint: string;
  code: string;
  severity: string;
}

export interface FlagsAnswer {
  version: number;
  plans: ChangePlan[];
  needs_rebucket: string[];
  warnings: Problem[];
  request: number;
}

export interface FlagDifference {
  before: number;
  after: number;
  text: string;
}

export interface Asked {
  what: string;
  said: string;
  decided: boolean;
}

export interface Explanation {
  flag: string;
  value: Json;
  variant: string | null;
  reason: string;
  error: string;
  asked: Asked[];
  bucket: number | null;
  until: number | null;
}

export interface RequestView {
  number: number;
  at: number;
  author: string;
  state: string;
  summary: string;
  reason: string;
  needed: number;
  role: string;
  digest: string;
  given: Given[];
  write: Record<string, Json>;
}

export interface VariantMinute {
  minute: number;
  variant: string;
  evaluations: number;
  requests: number;
  failures: number;
  durations: number[];
}

export interface AskerView {
  program: string;
  at: number;
  evaluations: number;
  version: number | null;
}

export interface ProblemDocument {
  type: string;
  title: string;
  status: number;
  code: string;
  detail: string;
  hint: string;
  legal: string[];
  problems: Problem[];
}
