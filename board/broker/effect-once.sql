-- Effect once: how a consumer of Busbar's topics takes each event once into PostgreSQL 14 or newer.
--
-- Kafka has an event at least once: a device sends again what nobody confirmed, and a bridge writes
-- again what it is sent. So whoever adds, counts or pays by events has to know which he has had.
-- The identity of an event says it: device (the record's key), and epoch, lane and number (the
-- header ce_id). What is kept of that is one row for each lane, with the ranges of the numbers
-- whose effect is here: one range as long as nothing is missing, and never a row for each event.
--
-- Load it once into the database that has the effects: the two have to be in one transaction.
--
--     psql --single-transaction --set ON_ERROR_STOP=1 --file effect-once.sql DATABASE
--
-- Then some hundred records at a time, in the order in which Kafka has them:
--
--     BEGIN;
--     SELECT place, is_late FROM busbar.take(ARRAY[key, ...], ARRAY[ce_id, ...]);
--     ... the effects of those places, in this order, and of no others ...
--     SELECT busbar.note_gap(key, ce_id, value);  -- of each queue.dropped and queue.skipped
--     SELECT busbar.go_on_at('my consumer', topic, partition, offset of the next record);
--     COMMIT;
--
-- At its start a consumer goes on at what busbar.offsets has, not at the offset that Kafka keeps
-- for it, which is committed apart from the effects. After any error: ROLLBACK, the same again.
--
-- Why each effect is there once, whoever is killed and when:
--
-- 1. The effect and the note of its number are in one transaction: both are kept, or neither.
-- 2. `take` locks the rows of its lanes until that transaction ends. Two consumers that have one
--    partition for a moment take turns, and the second one sees what the first has noted.
-- 3. A device gives a number once in an epoch, so a number that was seen is the same event.
-- 4. An offset that lies behind brings records again, which `take` knows. One that lies ahead would
--    lose some, so it is written by the same transaction.
--
-- Only effects in this database are meant. For one elsewhere, a mail or a switch, write a row that
-- asks for it, and let whoever does it tell by the identity what he has done.

CREATE SCHEMA busbar;

CREATE TABLE busbar.lanes (
    device text NOT NULL,
    epoch uuid NOT NULL,
    lane text NOT NULL CHECK (lane IN ('alarm', 'event', 'telemetry')),
    -- The numbers whose effect is in this database.
    seen int8multirange NOT NULL DEFAULT '{}',
    -- Numbers that the device has declared to be in no record. They are not among the seen: one
    -- that was sent before it was dropped may come after all, and then it is new.
    gaps int8multirange NOT NULL DEFAULT '{}',
    PRIMARY KEY (device, epoch, lane)
-- A row changes with each transaction; with room in its page the index need not.
) WITH (fillfactor = 50);

CREATE TABLE busbar.offsets (
    consumer text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    next_offset bigint NOT NULL,
    PRIMARY KEY (consumer, topic, partition)
) WITH (fillfactor = 50);

-- Notes the records that are new here, and returns those alone: the place in the arrays, from 1 on,
-- and the identity, each lane in the order of its numbers. `is_late`: an earlier call has returned
-- a higher number of this lane, so an effect that keeps only the newest value has to leave it out.
CREATE FUNCTION busbar.take(devices text[], ids text[])
RETURNS TABLE (place bigint, device text, epoch uuid, lane text, seq bigint, is_late boolean)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    epochs uuid[];
    lanes text[];
    seqs bigint[];
    stranger record;
BEGIN
    IF cardinality(devices) <> cardinality(ids) THEN
        RAISE EXCEPTION 'busbar.take: found % keys and % ids; give both of each record',
            cardinality(devices), cardinality(ids);
    END IF;

    -- ce_id is "<epoch>:<lane>:<number>", the epoch as 32 hexadecimal digits.
    BEGIN
        SELECT array_agg(split_part(id, ':', 1)::uuid ORDER BY place),
            array_agg(split_part(id, ':', 2) ORDER BY place),
            array_agg(split_part(id, ':', 3)::bigint ORDER BY place)
        INTO epochs, lanes, seqs
        FROM unnest(ids) WITH ORDINALITY AS record (id, place);
    EXCEPTION WHEN invalid_text_representation OR numeric_value_out_of_range THEN
        epochs := ARRAY[NULL];
    END;
    IF array_position(epochs, NULL) IS NOT NULL OR array_position(devices, NULL) IS NOT NULL
        OR NOT lanes <@ ARRAY['alarm', 'event', 'telemetry'] OR 1 > ANY (seqs)
    THEN
        SELECT device, id INTO stranger
        FROM unnest(devices, ids) AS record (device, id)
        WHERE device IS NULL OR id IS NULL
            OR id !~ '^[0-9a-f]{32}:(alarm|event|telemetry):[1-9][0-9]{0,17}$'
        LIMIT 1;
        RAISE EXCEPTION 'busbar.take: found key % with ce_id %; expected is EPOCH:LANE:NUMBER',
            quote_nullable(stranger.device), quote_nullable(stranger.id)
            USING HINT = 'It is no event of Busbar: put it aside, and take the others again.';
    END IF;

    -- Rows are made and locked in one order, so that no two consumers wait for each other.
    INSERT INTO busbar.lanes (device, epoch, lane)
    SELECT DISTINCT device, epoch, lane
    FROM unnest(devices, epochs, lanes) AS batch (device, epoch, lane) ORDER BY 1, 2, 3
    ON CONFLICT DO NOTHING;
    PERFORM 1
    FROM busbar.lanes AS known
    JOIN (
        SELECT DISTINCT device, epoch, lane
        FROM unnest(devices, epochs, lanes) AS batch (device, epoch, lane)
    ) AS wanted USING (device, epoch, lane)
    ORDER BY device, epoch, lane
    FOR UPDATE OF known;

    -- A statement of its own: it sees what was committed while the one above had to wait.
    RETURN QUERY
    WITH fresh AS MATERIALIZED (
        SELECT DISTINCT ON (device, epoch, lane, seq) place, device, epoch, lane, seq,
            coalesce(seq < upper(seen), false) AS is_late
        FROM unnest(devices, epochs, lanes, seqs) WITH ORDINALITY
            AS batch (device, epoch, lane, seq, place)
        JOIN busbar.lanes AS known USING (device, epoch, lane)
        WHERE NOT seen @> seq
        ORDER BY device, epoch, lane, seq, place
    ), noted AS (
        UPDATE busbar.lanes AS known SET seen = seen + added.numbers
        FROM (
            SELECT device, epoch, lane, range_agg(int8range(seq, seq, '[]')) AS numbers
            FROM fresh GROUP BY device, epoch, lane
        ) AS added
        WHERE known.device = added.device AND known.epoch = added.epoch
            AND known.lane = added.lane
    )
    SELECT * FROM fresh ORDER BY device, epoch, lane, seq;
END
$$;

-- Notes what a queue.dropped or a queue.skipped declares in its data, of the epoch of that record.
-- It may be called for a record that came before.
CREATE FUNCTION busbar.note_gap(device text, id text, data jsonb) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO busbar.lanes AS known (device, epoch, lane, gaps)
    VALUES (
        device, split_part(id, ':', 1)::uuid, data ->> 'lane',
        int8multirange(int8range((data ->> 'from')::bigint, (data ->> 'to')::bigint, '[]')))
    ON CONFLICT (device, epoch, lane) DO UPDATE SET gaps = known.gaps + excluded.gaps
$$;

CREATE FUNCTION busbar.go_on_at(consumer text, topic text, partition integer, next_offset bigint)
RETURNS void
LANGUAGE sql AS $$
    INSERT INTO busbar.offsets VALUES (consumer, topic, partition, next_offset)
    ON CONFLICT (consumer, topic, partition) DO UPDATE SET next_offset = excluded.next_offset
$$;

-- Numbers between others of their lane that neither came nor were declared. For a moment that is
-- usual; what stands here for longer is in the dead letters, in a partition that lags, or lost.
CREATE VIEW busbar.missing AS
SELECT device, epoch, lane,
    unnest(int8multirange(int8range(lower(seen), upper(seen))) - seen - gaps) AS numbers
FROM busbar.lanes
WHERE NOT isempty(seen);
