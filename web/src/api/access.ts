// Shapes of the routes about access that only the settings use.
export interface TokenView {
  id: string;
  name: string;
  roles: Record<string, string>;
  state: string;
  created_at: number;
  created_by: string;
  expires_at: number | null;
  revoked_at: number | null;
  used_at: number | null;
}

export interface SessionView {
  name: string;
  roles: Record<string, string>;
  via: string;
  csrf: string;
  expires_at: number | null;
  oidc: boolean;
}
