import { createRouter, createWebHistory } from "vue-router";
import { useSession } from "@/live/session";

export function makeRouter() {
  const session = useSession();
  const router = createRouter({
    history: createWebHistory(),
    routes: [
      // Where home is depends on who is signed in: the guard knows.
      { path: "/", name: "home", component: () => import("@/pages/DeskPage.vue") },
      { path: "/sign-in", name: "sign-in", component: () => import("@/pages/SignInPage.vue") },
      { path: "/desk/:interaction?", name: "desk", component: () => import("@/pages/DeskPage.vue") },
      { path: "/cases", name: "cases", component: () => import("@/pages/CasesPage.vue") },
      { path: "/cases/:id(\\d+)", name: "case", component: () => import("@/pages/CasePage.vue") },
      { path: "/floor", name: "floor", component: () => import("@/pages/FloorPage.vue") },
      { path: "/staffing/:queue?", name: "staffing", component: () => import("@/pages/StaffingPage.vue") },
      { path: "/trial/:id?", name: "trial", component: () => import("@/pages/TrialPage.vue") },
      { path: "/flows/:name?", name: "flows", component: () => import("@/pages/FlowsPage.vue") },
      { path: "/:rest(.*)*", redirect: "/" },
    ],
  });

  router.beforeEach(async (to) => {
    if (!session.known) await session.resume();
    if (to.name === "sign-in") return session.me ? "/" : true;
    if (!session.me) return { name: "sign-in", query: to.fullPath === "/" ? {} : { next: to.fullPath } };
    if (to.name === "home") return session.supervises ? "/floor" : "/desk";
    if ((to.name === "floor" || to.name === "staffing" || to.name === "trial" || to.name === "flows") && !session.supervises) return "/desk";
    return true;
  });
  return router;
}
