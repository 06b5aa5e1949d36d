BEGIN TRANSACTION;
CREATE TABLE control_events (
	seq BIGINT NOT NULL, 
	scope VARCHAR NOT NULL, 
	subject VARCHAR NOT NULL, 
	control VARCHAR NOT NULL, 
	outcome VARCHAR NOT NULL, 
	reader VARCHAR NOT NULL, 
	source VARCHAR NOT NULL, 
	recorded_at VARCHAR NOT NULL, 
	previous_hash VARCHAR(64) NOT NULL, 
	hash VARCHAR(64) NOT NULL, 
	PRIMARY KEY (seq)
);
INSERT INTO "control_events" VALUES(1,'slide','s1','positive','pass','anna','controls.csv','2026-11-24T19:19:45.143399Z','0000000000000000000000000000000000000000000000000000000000000000','61d90ec65040ab37bd1f4675a9d2e8be0d0139803c809fa7f0e8bb34e8e4a049');
CREATE TABLE control_head (
	n_events BIGINT NOT NULL, 
	hash VARCHAR(64) NOT NULL
);
INSERT INTO "control_head" VALUES(1,'61d90ec65040ab37bd1f4675a9d2e8be0d0139803c809fa7f0e8bb34e8e4a049');
CREATE TABLE journal_head (
	n_events BIGINT NOT NULL, 
	hash VARCHAR(64) NOT NULL
);
INSERT INTO "journal_head" VALUES(4,'7db7f07cc4f05a8a10e579a2241056114b688c6aa26c7add6dd17a2423daf262');
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
INSERT INTO "label_events" VALUES(1,'s1-1-weak-anna','c1','s1',10.0,5.0,'anna','weak','2026-03-01T10:00:00Z','2026-11-24T19:19:45.135151Z','test.csv','0000000000000000000000000000000000000000000000000000000000000000','a6017a02ffb55e1575fdb1f0b033085fa8f5f092525e0dd051470da2c2c74043');
INSERT INTO "label_events" VALUES(2,'s1-2-negative-anna','c2','s1',20.0,10.0,'anna','negative','2026-03-01T10:00:00Z','2026-11-24T19:19:45.135151Z','test.csv','a6017a02ffb55e1575fdb1f0b033085fa8f5f092525e0dd051470da2c2c74043','d96a68a91dde8b76f347c18420fe19a45f9ac71ac477c1f95ebab0001769f424');
INSERT INTO "label_events" VALUES(3,'s2-3-strong-ben','c3','s2',30.0,15.0,'ben','strong','2026-03-01T10:00:00Z','2026-11-24T19:19:45.135151Z','test.csv','d96a68a91dde8b76f347c18420fe19a45f9ac71ac477c1f95ebab0001769f424','d030b538a93de8d52a86b39884bc476ad4666d2ba9a813fad1be932c8bc0491f');
INSERT INTO "label_events" VALUES(4,'s1-1-moderate-anna','c1','s1',10.0,5.0,'anna','moderate','2026-03-01T10:00:00Z','2026-11-24T19:19:45.137603Z','test.csv','d030b538a93de8d52a86b39884bc476ad4666d2ba9a813fad1be932c8bc0491f','7db7f07cc4f05a8a10e579a2241056114b688c6aa26c7add6dd17a2423daf262');
CREATE TABLE region_events (
	seq BIGINT NOT NULL, 
	action VARCHAR NOT NULL, 
	region_id VARCHAR NOT NULL, 
	slide_id VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	polygons TEXT NOT NULL, 
	reader VARCHAR NOT NULL, 
	source VARCHAR NOT NULL, 
	case_id VARCHAR, 
	is_missing BOOLEAN NOT NULL, 
	recorded_at VARCHAR NOT NULL, 
	previous_hash VARCHAR(64) NOT NULL, 
	hash VARCHAR(64) NOT NULL, 
	PRIMARY KEY (seq), 
	FOREIGN KEY(slide_id) REFERENCES slides (slide_id)
);
INSERT INTO "region_events" VALUES(1,'put','0d9fbc34-5a50-4a5c-a6ce-6a1f5c1f6a01','s1','Region 1','include','[[[[200.0,50.0],[600.0,50.0],[600.0,150.0],[200.0,150.0]]]]','anna','test.geojson',NULL,0,'2026-11-24T19:19:45.140931Z','0000000000000000000000000000000000000000000000000000000000000000','020253cbca42554b52ea7bd9d549daeccd135ed9f1269b604a0cfd233f3361ba');
CREATE TABLE region_head (
	n_events BIGINT NOT NULL, 
	hash VARCHAR(64) NOT NULL
);
INSERT INTO "region_head" VALUES(1,'020253cbca42554b52ea7bd9d549daeccd135ed9f1269b604a0cfd233f3361ba');
CREATE TABLE rimlight_schema (
	version INTEGER NOT NULL
);
INSERT INTO "rimlight_schema" VALUES(3);
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
INSERT INTO "round_cells" VALUES(1,1,'c5','s1',50.0,25.0,'random','',0.0,-0.5);
CREATE TABLE rounds (
	round_id INTEGER NOT NULL, 
	run_id VARCHAR NOT NULL, 
	made_at VARCHAR NOT NULL, 
	seed BIGINT NOT NULL, 
	n_cells INTEGER NOT NULL, 
	settings TEXT NOT NULL, 
	PRIMARY KEY (round_id)
);
INSERT INTO "rounds" VALUES(1,'0001','2026-11-24T19:19:45.145818Z',7,1,'{}');
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
INSERT INTO "slides" VALUES('s2','case of s2','/slides/s2.svs','sha256 of s2','svs',2000,1000,0.25,'file','22c3-nsclc','',240.0,241.0,242.0,1,10.0,20.0,900.0,500.0);
CREATE INDEX control_events_of_subject ON control_events (scope, subject, control, seq);
CREATE INDEX label_events_of_cell ON label_events (cell_id, reader, seq);
CREATE INDEX round_cells_of_cell ON round_cells (cell_id);
CREATE INDEX region_events_of_region ON region_events (slide_id, region_id, seq);
CREATE TRIGGER label_events_no_update BEFORE UPDATE ON label_events BEGIN SELECT RAISE(ABORT, 'label events are never changed or removed'); END;
CREATE TRIGGER label_events_no_delete BEFORE DELETE ON label_events BEGIN SELECT RAISE(ABORT, 'label events are never changed or removed'); END;
CREATE TRIGGER label_events_no_replace BEFORE INSERT ON label_events WHEN EXISTS (SELECT 1 FROM label_events WHERE seq = NEW.seq OR label_id = NEW.label_id) BEGIN SELECT RAISE(ABORT, 'label events are never changed or removed'); END;
CREATE TRIGGER region_events_no_update BEFORE UPDATE ON region_events BEGIN SELECT RAISE(ABORT, 'region events are never changed or removed'); END;
CREATE TRIGGER region_events_no_delete BEFORE DELETE ON region_events BEGIN SELECT RAISE(ABORT, 'region events are never changed or removed'); END;
CREATE TRIGGER region_events_no_replace BEFORE INSERT ON region_events WHEN EXISTS (SELECT 1 FROM region_events WHERE seq = NEW.seq) BEGIN SELECT RAISE(ABORT, 'region events are never changed or removed'); END;
CREATE TRIGGER control_events_no_update BEFORE UPDATE ON control_events BEGIN SELECT RAISE(ABORT, 'control events are never changed or removed'); END;
CREATE TRIGGER control_events_no_delete BEFORE DELETE ON control_events BEGIN SELECT RAISE(ABORT, 'control events are never changed or removed'); END;
CREATE TRIGGER control_events_no_replace BEFORE INSERT ON control_events WHEN EXISTS (SELECT 1 FROM control_events WHERE seq = NEW.seq) BEGIN SELECT RAISE(ABORT, 'control events are never changed or removed'); END;
COMMIT;
