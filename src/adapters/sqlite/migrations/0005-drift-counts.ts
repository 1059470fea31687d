/**
 * Counts of the drift report, kept with every change of it: fields by cause, by what hides them and by the hour they
 * were first seen in; per shadow the fields that are listed, and how many of them were refused. What is filtered
 * otherwise is counted along `drift_count`, which has all that can be filtered by.
 */
export const DRIFT_COUNTS_0005 = `
CREATE TABLE drift_tally (
  cause TEXT NOT NULL,
  ignored INTEGER NOT NULL,
  acknowledged INTEGER NOT NULL,
  hour INTEGER NOT NULL,
  fields INTEGER NOT NULL,
  PRIMARY KEY (cause, ignored, acknowledged, hour)
) WITHOUT ROWID;
CREATE TABLE drift_shadow (
  thing TEXT NOT NULL,
  shadow TEXT NOT NULL,
  fields INTEGER NOT NULL,
  refused INTEGER NOT NULL,
  PRIMARY KEY (thing, shadow)
) WITHOUT ROWID;

INSERT INTO drift_tally
  SELECT cause, ignored, acknowledged, first_seen_at / 3600000, count(*) FROM drift GROUP BY 1, 2, 3, 4;
INSERT INTO drift_shadow
  SELECT thing, shadow, count(*), sum(cause = 'refused') FROM drift
  WHERE ignored = 0 AND acknowledged = 0 GROUP BY thing, shadow;

CREATE TRIGGER drift_in AFTER INSERT ON drift BEGIN
  INSERT INTO drift_tally VALUES (new.cause, new.ignored, new.acknowledged, new.first_seen_at / 3600000, 1)
    ON CONFLICT DO UPDATE SET fields = fields + 1;
  INSERT INTO drift_shadow SELECT new.thing, new.shadow, 1, new.cause = 'refused'
    WHERE new.ignored = 0 AND new.acknowledged = 0
    ON CONFLICT DO UPDATE SET fields = fields + 1, refused = refused + excluded.refused;
END;

CREATE TRIGGER drift_out AFTER DELETE ON drift BEGIN
  UPDATE drift_tally SET fields = fields - 1 WHERE cause = old.cause AND ignored = old.ignored
    AND acknowledged = old.acknowledged AND hour = old.first_seen_at / 3600000;
  DELETE FROM drift_tally WHERE cause = old.cause AND ignored = old.ignored
    AND acknowledged = old.acknowledged AND hour = old.first_seen_at / 3600000 AND fields = 0;
  UPDATE drift_shadow SET fields = fields - 1, refused = refused - (old.cause = 'refused')
    WHERE old.ignored = 0 AND old.acknowledged = 0 AND thing = old.thing AND shadow = old.shadow;
  DELETE FROM drift_shadow WHERE thing = old.thing AND shadow = old.shadow AND fields = 0;
END;

CREATE TRIGGER drift_moved AFTER UPDATE ON drift
WHEN (old.cause, old.ignored, old.acknowledged, old.first_seen_at)
  IS NOT (new.cause, new.ignored, new.acknowledged, new.first_seen_at) BEGIN
  INSERT INTO drift_tally VALUES (new.cause, new.ignored, new.acknowledged, new.first_seen_at / 3600000, 1)
    ON CONFLICT DO UPDATE SET fields = fields + 1;
  INSERT INTO drift_shadow SELECT new.thing, new.shadow, 1, new.cause = 'refused'
    WHERE new.ignored = 0 AND new.acknowledged = 0
    ON CONFLICT DO UPDATE SET fields = fields + 1, refused = refused + excluded.refused;
  UPDATE drift_tally SET fields = fields - 1 WHERE cause = old.cause AND ignored = old.ignored
    AND acknowledged = old.acknowledged AND hour = old.first_seen_at / 3600000;
  DELETE FROM drift_tally WHERE cause = old.cause AND ignored = old.ignored
    AND acknowledged = old.acknowledged AND hour = old.first_seen_at / 3600000 AND fields = 0;
  UPDATE drift_shadow SET fields = fields - 1, refused = refused - (old.cause = 'refused')
    WHERE old.ignored = 0 AND old.acknowledged = 0 AND thing = old.thing AND shadow = old.shadow;
  DELETE FROM drift_shadow WHERE thing = old.thing AND shadow = old.shadow AND fields = 0;
END;

CREATE INDEX drift_count ON drift (thing, shadow, ignored, acknowledged, cause, first_seen_at, author);
CREATE INDEX drift_listed ON drift (first_seen_at) WHERE ignored = 0 AND acknowledged = 0;
CREATE INDEX drift_listed_flaps ON drift (flaps) WHERE ignored = 0 AND acknowledged = 0;
`;
