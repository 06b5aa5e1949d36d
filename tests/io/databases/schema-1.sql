PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE rimlight_schema (
	version INTEGER NOT NULL
);
INSERT INTO rimlight_schema VALUES(1);
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
INSERT INTO slides VALUES('s1','case of s1','/slides/s1.svs','sha256 of s1','svs',2000,1000,0.25,'file','22c3-nsclc','',240.0,241.0,242.0,1,NULL,NULL,NULL,NULL);
INSERT INTO slides VALUES('s2','case of s2','/slides/s2.svs','sha256 of s2','svs',2000,1000,0.25,'file','22c3-nsclc','',240.0,241.0,242.0,1,5.0,6.0,70.0,80.0);
CREATE TABLE journal_head (
	n_events BIGINT NOT NULL, 
	hash VARCHAR(64) NOT NULL
);
INSERT INTO journal_head VALUES(4,'9c93e1957128477f1b47c79763405797cc41c9b15a3622a9a1f72e2ac0862944');
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
INSERT INTO label_events VALUES(1,'s1-1-weak-anna','c1','s1',10.0,5.0,'anna','weak','2026-03-01T10:00:00Z','2026-11-24T12:39:15.529480Z','test.csv','0000000000000000000000000000000000000000000000000000000000000000','8575b235ff0d3b94f1afb763f73e3876a730ea05193fab28c8ccb78424f743a8');
INSERT INTO label_events VALUES(2,'s1-2-negative-anna','c2','s1',20.0,10.0,'anna','negative','2026-03-01T10:00:00Z','2026-11-24T12:39:15.529480Z','test.csv','8575b235ff0d3b94f1afb763f73e3876a730ea05193fab28c8ccb78424f743a8','e628dc92e909a80a99261d329216ede4d45f72452e78f1ae272b4b3a24fc689d');
INSERT INTO label_events VALUES(3,'s2-3-strong-anna','c3','s2',30.0,15.0,'anna','strong','2026-03-01T10:00:00Z','2026-11-24T12:39:15.529480Z','test.csv','e628dc92e909a80a99261d329216ede4d45f72452e78f1ae272b4b3a24fc689d','a588fb2dc20a321770da94d4b9ce973dcd4f9501afc6e450123fcfd89e8e8505');
INSERT INTO label_events VALUES(4,'s1-1-negative-anna','c1','s1',10.0,5.0,'anna','negative','2026-03-01T10:00:00Z','2026-11-24T12:39:15.538202Z','test.csv','a588fb2dc20a321770da94d4b9ce973dcd4f9501afc6e450123fcfd89e8e8505','9c93e1957128477f1b47c79763405797cc41c9b15a3622a9a1f72e2ac0862944');
CREATE INDEX label_events_of_cell ON label_events (cell_id, reader, seq);
CREATE TRIGGER label_events_no_update BEFORE UPDATE ON label_events
    BEGIN SELECT RAISE(ABORT, 'label events are never changed or removed'); END;
CREATE TRIGGER label_events_no_delete BEFORE DELETE ON label_events
    BEGIN SELECT RAISE(ABORT, 'label events are never changed or removed'); END;
CREATE TRIGGER label_events_no_replace BEFORE INSERT ON label_events
    WHEN EXISTS (SELECT 1 FROM label_events WHERE seq = NEW.seq OR label_id = NEW.label_id)
    BEGIN SELECT RAISE(ABORT, 'label events are never changed or removed'); END;
COMMIT;
