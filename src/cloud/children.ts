import type { CommandId } from '../core/brand.ts';
import type { AnyCommand } from '../core/direct/direct-command.ts';
import { ok, type Result } from '../core/result.ts';
import type { Ledger } from '../ports/ledger.ts';

const PAGE = 500;

/** All commands of one request for many things. */
export async function childrenOf(ledger: Ledger, parentId: CommandId): Promise<Result<readonly AnyCommand[]>> {
  const children: AnyCommand[] = [];
  for (let cursor: string | undefined; ;) {
    const found = await ledger.commands({ parentId }, { limit: PAGE, ...(cursor === undefined ? {} : { cursor }) });
    if (!found.ok) return found;
    children.push(...found.value.items);
    cursor = found.value.next;
    if (cursor === undefined) return ok(children);
  }
}
