// Which picture of the slide is shown: changed without a blank moment, asked for again when lost.

import type OpenSeadragon from "openseadragon";
import { hatchedSource, tileSource } from "./slide-source";
import type { Faults, Picture } from "./slide-source";
import type { Opened } from "./viewer";

const LONGEST_HIDDEN_MS = 1200;
const LONGEST_BOTH_MS = 5000;
const ASK_AGAIN_MS = 4000;

/** Show pictures of one slide in a viewer, one after the other. */
export class PictureShown {
  private timer = 0;
  private retry = 0;
  private isClosed = false;
  private nLost = 0;
  private lost: string | null = null;
  private now: Picture = { way: "srgb" };

  /** `tell` is called with why squares are missing, and with null when all came after all. */
  constructor(
    private readonly osd: OpenSeadragon.Viewer,
    private readonly opened: Opened,
    private readonly tell: (sentence: string | null) => void,
  ) {}

  /** Put a picture over the present one, and take that away when the new one is complete. */
  async show(picture: Picture): Promise<void> {
    this.now = picture;
    this.nLost = 0;
    const { slide, fault } = this.opened;
    const source = fault ? hatchedSource(slide) : tileSource(slide, picture, this.faults);
    const isFirst = this.osd.world.getItemCount() === 0;
    const added = await new Promise<OpenSeadragon.TiledImage>((success) => {
      this.osd.addTiledImage({
        tileSource: source as unknown as string,
        opacity: isFirst ? 1 : 0,
        preload: true,
        success: (event: Event) =>
          success((event as unknown as { item: OpenSeadragon.TiledImage }).item),
      });
    });
    added.whenFullyLoaded(() => this.recover(picture));
    if (isFirst) return;
    const clear = (): void => this.keepOnly(added);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      added.setOpacity(1);
      this.timer = setTimeout(clear, LONGEST_BOTH_MS);
    }, LONGEST_HIDDEN_MS);
    added.whenFullyLoaded(clear);
  }

  close(): void {
    this.isClosed = true;
    clearTimeout(this.timer);
    clearTimeout(this.retry);
  }

  private keepOnly(kept: OpenSeadragon.TiledImage): void {
    const { world } = this.osd;
    if (this.isClosed || world.getIndexOfItem(kept) !== world.getItemCount() - 1) return;
    kept.setOpacity(1);
    for (let at = world.getItemCount() - 2; at >= 0; at--) world.removeItem(world.getItemAt(at));
  }

  private recover(picture: Picture): void {
    if (this.isClosed || this.lost === null || this.nLost || picture !== this.now) return;
    this.lost = null;
    this.tell(null);
  }

  private readonly faults: Faults = {
    tell: ({ sentence, isLost }) => {
      if (!isLost) {
        this.tell(sentence);
        return;
      }
      this.lost = sentence;
      this.nLost++;
      this.tell(sentence);
      this.retry ||= setTimeout(() => {
        this.retry = 0;
        void this.show(this.now);
      }, ASK_AGAIN_MS);
    },
  };
}
