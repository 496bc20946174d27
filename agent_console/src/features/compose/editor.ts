/** The rich text editor: what a letter may be made of, and nothing else, whatever is pasted. Loaded for e-mail alone. */
import { Editor, Extension, Node } from "@tiptap/core";
import Image from "@tiptap/extension-image";
import StarterKit from "@tiptap/starter-kit";
import { Placeholder } from "@tiptap/extensions";
import { HISTORY } from "@/conversation/letter";

const OURS = /^(?:blob:|\/api\/v1\/(?:uploads|events)\/)/;

/** Only pictures that we hold: a stranger's address in what is pasted would be asked for at once. */
const OwnImage = Image.extend({
  addAttributes() {
    return {
      ...this.parent?.(),
      digest: { default: "", parseHTML: (el: HTMLElement) => el.getAttribute("data-digest") ?? "", renderHTML: ({ digest }: { digest: string }) => ({ "data-digest": digest }) },
    };
  },
  parseHTML: () => [{ tag: "img[data-digest]", getAttrs: (el) => (OURS.test(el.getAttribute("src") ?? "") ? null : false) }],
});

/** What was written before, opened: it goes on being told from what is new. */
const History = Node.create({
  name: "history",
  group: "block",
  content: "block+",
  defining: true,
  addAttributes: () => ({ class: { default: HISTORY[0] } }),
  parseHTML: () => HISTORY.map((kind) => ({ tag: `div.${kind}`, attrs: { class: kind } })),
  renderHTML: ({ HTMLAttributes }) => ["div", HTMLAttributes, 0],
});

export interface EditorWishes {
  element: HTMLElement;
  html: string;
  placeholder: () => string;
  label: string;
  changed(editor: Editor): void;
  send(): void;
  leave(): void;
  link(): void;
  /** `/` where nothing stands yet. */
  slash(): void;
  /** True if the files are taken care of. */
  files(files: File[]): boolean;
}

export function openEditor(wishes: EditorWishes): Editor {
  const keys = Extension.create({
    name: "letterKeys",
    priority: 1_000,
    addKeyboardShortcuts: () => ({
      "Mod-Enter": () => (wishes.send(), true),
      "Mod-k": () => (wishes.link(), true),
      Escape: () => (wishes.leave(), true),
      "/": ({ editor }) => {
        const { $from, empty } = editor.state.selection;
        if (!empty || $from.parent.type.name !== "paragraph" || $from.parent.content.size) return false;
        wishes.slash();
        return true;
      },
    }),
  });
  return new Editor({
    element: wishes.element,
    content: wishes.html,
    // Styles come with the page's own sheet: its content policy is what it is, and nothing is put into the head.
    injectCSS: false,
    extensions: [
      StarterKit.configure({
        heading: false,
        horizontalRule: false,
        link: { openOnClick: false, autolink: true, defaultProtocol: "https", protocols: ["http", "https", "mailto", "tel"], HTMLAttributes: { target: null, rel: "noopener noreferrer" } },
      }),
      History,
      OwnImage.configure({ inline: true }),
      Placeholder.configure({ placeholder: wishes.placeholder }),
      keys,
    ],
    editorProps: {
      attributes: { "aria-label": wishes.label, role: "textbox", "aria-multiline": "true", "data-testid": "composer-text", dir: "auto" },
      // Office programs put a picture of the words beside the words: the words are meant.
      handlePaste: (_, event) => !event.clipboardData?.getData("text/plain") && wishes.files([...(event.clipboardData?.files ?? [])]),
      handleDrop: (_, event, __, moved) => {
        const files = [...(event.dataTransfer?.files ?? [])];
        if (moved || !files.length) return false;
        event.preventDefault();
        // The composer around it takes drops too: once is enough.
        event.stopPropagation();
        return wishes.files(files);
      },
    },
    onUpdate: ({ editor }) => wishes.changed(editor as Editor),
  });
}

/** What the editor holds, as a letter: nothing at all where nothing was written. */
export const htmlIn = (editor: Editor): string => (editor.isEmpty ? "" : editor.getHTML());
export const textIn = (editor: Editor): string => editor.getText({ blockSeparator: "\n\n" }).replace(/\n{3,}/g, "\n\n").trim();
export type { Editor };
