/**
 * The commands of a thing, in the order of their ids. Not an index of `command`: there every new command changes a page of
 * its own, while here many are put in their places at once. `placed_through` is the number of the newest one that is.
 */
export const THING_COMMAND_0008 = `
CREATE TABLE thing_command (
  thing_name TEXT NOT NULL,
  command_id TEXT NOT NULL,
  number INTEGER NOT NULL,
  PRIMARY KEY (thing_name, command_id)
) WITHOUT ROWID;
INSERT INTO thing_command SELECT thing, id, number FROM command ORDER BY thing, id;
INSERT INTO meta VALUES ('placed_through', (SELECT coalesce(max(number), 0) FROM command));
DROP INDEX command_thing;
`;
