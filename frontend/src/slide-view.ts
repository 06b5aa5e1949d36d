// What the parts of the slide page share: one open slide, its picture, and what is selected.

import type OpenSeadragon from "openseadragon";
import type { App, Slide } from "./app";
import type { CellRef } from "./outbox";

/** Something drawn over the slide that can be switched on and off. */
export interface Layer {
  name: string;
  title: string;
  /** event.code of its key and how it is shown, if it has one. */
  key?: { code: string; shown: string };
  /** A habit of the person, kept by the browser and left out of links. */
  isHabit?: boolean;
  readonly isOn: boolean;
  setOn(on: boolean): void;
}

/** A cell near a place of the stage; distance in CSS pixels. */
export interface NearCell {
  cell: CellRef;
  distance: number;
}

/** Tells the nearest of the cells it knows that lies within a radius, all in CSS pixels. */
export type CellSource = (x: number, y: number, radius: number) => NearCell | null;

export interface SlideView {
  readonly app: App;
  readonly slide: Slide;
  readonly osd: OpenSeadragon.Viewer;
  /** Lies over the picture; canvases of layers are appended here. */
  readonly stage: HTMLElement;
  /** The column beside the picture; panels are appended here. */
  readonly side: HTMLElement;
  /** Screen pixels (CSS) a level-0 pixel covers now. */
  readonly pxPerL0: number;
  readonly selected: CellRef | null;
  /** Level-0 pixels to CSS pixels from the top left of the stage, and back. */
  toScreen(x_l0: number, y_l0: number): { x: number; y: number };
  toLevel0(x: number, y: number): { x_l0: number; y_l0: number };
  /** Where the pointer is over the stage, in CSS pixels; null when it is elsewhere. */
  pointer(): { x: number; y: number } | null;
  /** Called in every frame in which the picture moved, and when `redraw` was called. */
  onDraw(run: () => void): () => void;
  redraw(): void;
  addLayer(layer: Layer): () => void;
  select(cell: CellRef | null): void;
  onSelect(run: (cell: CellRef | null) => void): () => void;
  /** Let clicks and keys find cells: of labels, predictions, rounds. */
  addCells(source: CellSource): () => void;
  /** The cell that a click or key at a place is meant for; of equal distance the first source's. */
  cellNear(x: number, y: number, radius?: number): CellRef | null;
  /** Move the picture so that a place is in the middle; `um` is the width shown. */
  centre(x_l0: number, y_l0: number, um?: number): void;
}

/** Adds a part to the slide page; what it returns takes it away again. */
export type Attach = (view: SlideView) => () => void;
