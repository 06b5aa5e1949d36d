BEGIN TRANSACTION;
CREATE TABLE journal_head (
	n_events BIGINT NOT NULL, 
	hash VARCHAR(64) NOT NULL
);
INSERT INTO "journal_head" VALUES(4,'5bb3de1934ce7c3416037068c34a79db0be10f0f1d70bc72bae97d81a61abf5b');
CREATE TABLE label_events (
	seq BIGINT NOT NULL, 
	label_id VARCHAR NOT NULL, 
	cell_id VARCHAR NOT NULL, 
	slide_id VARCHAR NOT NULL, 
	x_l0 DOUBLE NOT NULL, 
	y_l0 DOUBLE NOT NULL, 
	reader VARCHAR NOT NULL, 
	expression VARCHAR NOT NULL, 
	made_at VARCHAR NOT NULL, 
	recorded_at VARCHAR NOT NULL, 
	source VARCHAR NOT NULL, 
	previous_hash VARCHAR(64) NOT NULL, 
	hash VARCHAR(64) NOT NULL, 
	PRIMARY KEY (seq), 
	UNIQUE (label_id), 
	FOREIGN KEY(slide_id) REFERENCES slides (slide_id)
);
INSERT INTO "label_events" VALUES(1,'s1-1-weak-anna','c1','s1',10.0,5.0,'anna','weak','2026-03-01T10:00:00Z','2026-11-24T16:08:05.437107Z','test.csv','0000000000000000000000000000000000000000000000000000000000000000','d21d3971196fe56ca51cb9378359937da780b866f9a5263b4d4972efab8ce569');
INSERT INTO "label_events" VALUES(2,'s1-2-negative-anna','c2','s1',20.0,10.0,'anna','negative','2026-03-01T10:00:00Z','2026-11-24T16:08:05.437107Z','test.csv','d21d3971196fe56ca51cb9378359937da780b866f9a5263b4d4972efab8ce569','23e59a958aab4e4d8ac56c40f581523d5e0f801d61aa92b30eb23556108b4063');
INSERT INTO "label_events" VALUES(3,'s2-3-strong-ben','c3','s2',30.0,15.0,'ben','strong','2026-03-01T10:00:00Z','2026-11-24T16:08:05.437107Z','test.csv','23e59a958aab4e4d8ac56c40f581523d5e0f801d61aa92b30eb23556108b4063','d654f4feeac087835fa54b7c16cf267f7cc592489f02699c1368179d0301c1fc');
INSERT INTO "label_events" VALUES(4,'second thought','c1','s1',10.0,5.0,'anna','negative','2026-03-01T10:00:00Z','2026-11-24T16:08:05.476575Z','test.csv','d654f4feeac087835fa54b7c16cf267f7cc592489f02699c1368179d0301c1fc','5bb3de1934ce7c3416037068c34a79db0be10f0f1d70bc72bae97d81a61abf5b');
CREATE TABLE rimlight_schema (
	version INTEGER NOT NULL
);
INSERT INTO "rimlight_schema" VALUES(2);
CREATE TABLE round_cells (
	round_id INTEGER NOT NULL, 
	place INTEGER NOT NULL, 
	cell_id VARCHAR NOT NULL, 
	slide_id VARCHAR NOT NULL, 
	x_l0 DOUBLE NOT NULL, 
	y_l0 DOUBLE NOT NULL, 
	share VARCHAR NOT NULL, 
	cause VARCHAR NOT NULL, 
	score DOUBLE NOT NULL, 
	logit DOUBLE NOT NULL, 
	PRIMARY KEY (round_id, place), 
	FOREIGN KEY(round_id) REFERENCES rounds (round_id), 
	FOREIGN KEY(slide_id) REFERENCES slides (slide_id)
);
INSERT INTO "round_cells" VALUES(1,1,'c5','s1',50.0,25.0,'random','',0.5,-0.25);
INSERT INTO "round_cells" VALUES(1,2,'c4','s1',40.0,20.0,'uncertain','',0.5,-0.25);
CREATE TABLE rounds (
	round_id INTEGER NOT NULL, 
	run_id VARCHAR NOT NULL, 
	made_at VARCHAR NOT NULL, 
	seed BIGINT NOT NULL, 
	n_cells INTEGER NOT NULL, 
	settings TEXT NOT NULL, 
	PRIMARY KEY (round_id)
);
INSERT INTO "rounds" VALUES(1,'0001','2026-11-24T16:08:05.512592Z',3,2,'{"n_cells":2}');
CREATE TABLE slides (
	slide_id VARCHAR NOT NULL, 
	case_id VARCHAR NOT NULL, 
	path VARCHAR NOT NULL, 
	fingerprint VARCHAR NOT NULL, 
	format VARCHAR NOT NULL, 
	width_l0 BIGINT NOT NULL, 
	height_l0 BIGINT NOT NULL, 
	mpp DOUBLE NOT NULL, 
	mpp_source VARCHAR NOT NULL, 
	assay VARCHAR NOT NULL, 
	scanner VARCHAR NOT NULL, 
	white_red DOUBLE NOT NULL, 
	white_green DOUBLE NOT NULL, 
	white_blue DOUBLE NOT NULL, 
	is_white_estimated BOOLEAN NOT NULL, 
	bounds_left_l0 DOUBLE, 
	bounds_top_l0 DOUBLE, 
	bounds_width_l0 DOUBLE, 
	bounds_height_l0 DOUBLE, 
	PRIMARY KEY (slide_id)
);
INSERT INTO "slides" VALUES('s1','case of s1','/slides/s1.svs','sha256 of s1','svs',2000,1000,0.25,'file','22c3-nsclc','',240.0,241.0,242.0,1,NULL,NULL,NULL,NULL);
INSERT INTO "slides" VALUES('s2','case of s2','/slides/s2.svs','sha256 of s2','svs',2000,1000,0.25,'file','22c3-nsclc','',240.0,241.0,242.0,1,40.0,20.0,900.0,500.0);
CREATE INDEX label_events_of_cell ON label_events (cell_id, reader, seq);
CREATE INDEX round_cells_of_cell ON round_cells (cell_id);
CREATE TRIGGER label_events_no_update BEFORE UPDATE ON label_events
    BEGIN SELECT RAISE(ABORT, 'label events are never changed or removed'); END;
CREATE TRIGGER label_events_no_delete BEFORE DELETE ON label_events
    BEGIN SELECT RAISE(ABORT, 'label events are never changed or removed'); END;
CREATE TRIGGER label_events_no_replace BEFORE INSERT ON label_events
    WHEN EXISTS (SELECT 1 FROM label_events WHERE seq = NEW.seq OR label_id = NEW.label_id)
    BEGIN SELECT RAISE(ABORT, 'label events are never changed or removed'); END;
COMMIT;
