import type { FieldPointer } from '../brand.ts';
import type { ShadowRef } from '../shadow/shadow-ref.ts';

/**
 * What a caller can be allowed to do with a shadow.
 *
 * look         read shadows, commands, drift, events, plans
 * command      write desired state: create commands, and act on one's own
 * operate      act on commands of others: cancel, retry, extend, rollback
 * acknowledge  acknowledge drift, and hide it by ignore rules
 * observe      read metrics and the state of the server itself; asked without a shadow
 */
export type AccessAction = 'look' | 'command' | 'operate' | 'acknowledge' | 'observe';

export const ACCESS_ACTIONS: readonly AccessAction[] = ['look', 'command', 'operate', 'acknowledge', 'observe'];

/**
 * One line of a role. A rule fits a question when its actions, things and shadows do.
 *
 * things   Thing names in which `*` stands for any characters.
 * shadows  Shadow names with `*` likewise; `(classic)` is the shadow without a name. Absent: every shadow.
 * fields   Only with `command`: JSON Pointers of which one key may be `*`; each stands for the field and all below it.
 *          Absent: every field.
 * commands Only with `command`: names of direct commands, with `*`. A rule with `fields` alone says nothing about them, one
 *          with `commands` alone nothing about fields. Direct commands stand at `(direct)` where a rule names shadows.
 */
export interface AccessRule {
  readonly effect: 'allow' | 'deny';
  readonly actions: readonly AccessAction[];
  readonly things: readonly string[];
  readonly shadows?: readonly string[];
  readonly fields?: readonly string[];
  readonly commands?: readonly string[];
}

/** Who asks, as its credential proved. */
export interface Principal {
  /** What stands as author in commands and timelines. */
  readonly name: string;
  /** What its rights hang on, kept with its commands: `key:<name>`, `jwt:<issuer>:<subject>`, `anonymous`. */
  readonly id: string;
  readonly roles: readonly string[];
  /** Values for `${name}` in the patterns of its roles. */
  readonly variables: Readonly<Record<string, string>>;
  /** The rules of all its roles, variables filled in. */
  readonly rules: readonly AccessRule[];
}

/** What an open command remembers of who asked, so that the rights can be looked up again (`Command.grant`). */
export interface Grant {
  readonly principal: string;
  readonly roles: readonly string[];
  readonly variables: Readonly<Record<string, string>>;
}

export interface AccessQuestion {
  readonly action: AccessAction;
  /** Absent only for `observe`. */
  readonly ref?: ShadowRef;
  /** For `command`: the leaves of the patch. */
  readonly fields?: readonly FieldPointer[];
  /** For `command`: the name of a direct command. */
  readonly command?: string;
}

export type AccessDecision =
  | { readonly allowed: true }
  | {
      readonly allowed: false;
      /** Whether the caller may know of the shadow at all; if not, it is answered like one that does not exist. */
      readonly visible: boolean;
      /** Every field that is forbidden, in the order asked. Empty if the shadow as a whole is. */
      readonly forbidden: readonly FieldPointer[];
    };

/** Where access control is off (loopback only): whoever asks may do everything. */
export const ANONYMOUS: Principal = {
  name: 'anonymous',
  id: 'anonymous',
  roles: [],
  variables: {},
  rules: [{ effect: 'allow', actions: ACCESS_ACTIONS, things: ['*'] }],
};
