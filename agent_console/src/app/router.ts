import { createRouter, createWebHistory } from "vue-router";
import { useLive } from "@/live/store";
import { useSession } from "@/live/session";

export function makeRouter() {
  const session = useSession();
  const router = createRouter({
    history: createWebHistory(),
    routes: [
      { path: "/", redirect: () => (session.me && !session.me.agent_id ? "/floor" : "/desk") },
      { path: "/sign-in", name: "sign-in", component: () => import("@/pages/SignInPage.vue") },
      { path: "/desk/:interaction?", name: "desk", component: () => import("@/pages/DeskPage.vue") },
      { path: "/cases", name: "cases", component: () => import("@/pages/CasesPage.vue") },
      { path: "/cases/:id(\\d+)", name: "case", component: () => import("@/pages/CasePage.vue") },
      { path: "/floor", name: "floor", component: () => import("@/pages/FloorPage.vue") },
      { path: "/:rest(.*)*", redirect: "/" },
    ],
  });

  router.beforeEach(async (to) => {
    if (!session.known) await session.resume();
    if (to.name === "sign-in") return session.me ? "/" : true;
    if (!session.me) return { name: "sign-in", query: to.fullPath === "/" ? {} : { next: to.fullPath } };
    if (to.name === "floor" && !session.supervises) return "/desk";
    useLive();
    return true;
  });
  return router;
}
