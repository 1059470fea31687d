import type { CloudHealth } from '../../cloud/cloud.ts';
import type { AccessAction } from '../../core/access/access.ts';

export type HealthView = CloudHealth;

/** Who the server takes the caller for. */
export interface IdentityView {
  readonly name: string;
  /** False on a loopback server that asks nobody: everybody may do everything. */
  readonly accessControl: boolean;
  readonly roles: readonly string[];
  /** What is allowed on at least some shadow. */
  readonly actions: readonly AccessAction[];
}
