# An order to start was late: the controller looked, saw nothing of it, and ordered another version to be started. Both came
# up, one more than may exist.
{"seed":3042,"deeds":[],"fault_seconds":50.0,"rps":400.0,"lease_seconds":10.0}
{"do":"deploy","at":0.5,"shape":{"label":"v1","replicas":6,"weights":[20.0,40.0,60.0,80.0],"hold":3.0,"pause":1,"wait":0.0,"bake":2.0,"delay":1.0,"surge":2,"floor":0.5,"deadline":20.0,"on_deadline":"report","on_inconclusive":"promote","on_error":"rollback","nature":{"ready_seconds":[0.3,1.5],"never_ready":0.0,"crashes":0.0,"crash_seconds":[0.1,20.0],"drain_seconds":[0.0,1.5],"ignores_stop":0.0},"quality":{"error_ratio":1.0,"latency_ratio":1.0,"extra_errors":0.0}}}
{"do":"plane_restart","at":1.543,"seconds":0.625}
{"do":"skew","at":4.284,"controller":0,"seconds":1.021}
{"do":"kill","at":7.253,"down":2.0}
{"do":"ask","at":8.682,"verb":"abort"}
{"do":"deploy","at":9.995,"shape":{"label":"v1","strategy":"recreate","replicas":1,"weights":[10.0,50.0],"hold":3.0,"wait":0.0,"bake":2.0,"delay":0.0,"surge":2,"floor":1.0,"automatic":false,"deadline":20.0,"on_fail":"pause","on_inconclusive":"promote","nature":{"ready_seconds":[0.3,1.5],"never_ready":0.0,"crashes":1.0,"crash_seconds":[0.1,3.0],"drain_seconds":[0.0,1.5],"ignores_stop":0.0},"quality":{"error_ratio":1.0,"latency_ratio":3.0,"extra_errors":0.0}}}
{"do":"freeze","at":14.885,"seconds":12.922}
{"do":"kill","at":17.128,"point":"order","down":0.1}
{"do":"deploy","at":17.171,"shape":{"label":"v3","strategy":"recreate","replicas":1,"weights":[10.0,50.0],"hold":0.0,"judged":false,"wait":0.0,"bake":0.0,"delay":4.0,"surge":2,"floor":1.0,"deadline":20.0,"on_deadline":"pause","on_fail":"pause","on_inconclusive":"promote","on_error":"rollback","nature":{"ready_seconds":[0.3,1.5],"never_ready":0.0,"crashes":0.5,"crash_seconds":[0.1,20.0],"drain_seconds":[0.0,1.5],"ignores_stop":0.0},"quality":{"error_ratio":1.0,"latency_ratio":1.0,"extra_errors":0.0}}}
{"do":"deploy","at":20.27,"shape":{"label":"v3","strategy":"rolling","replicas":2,"weights":[33.3],"hold":1.0,"pause":1,"wait":2.0,"bake":0.0,"delay":4.0,"dynamic":true,"unavailable":1,"floor":0.5,"deadline":10.0,"on_fail":"pause","on_error":"rollback","nature":{"ready_seconds":[2.0,8.0],"never_ready":0.0,"crashes":0.0,"crash_seconds":[0.1,20.0],"drain_seconds":[0.0,1.5],"ignores_stop":0.0},"quality":{"error_ratio":5.0,"latency_ratio":1.0,"extra_errors":0.0},"failing_check":true}}
{"do":"ask","at":21.534,"verb":"promote --full"}
{"do":"crash","at":22.339,"side":"stable"}
{"do":"freeze","at":22.635,"seconds":12.381,"point":"instances seen"}
{"do":"crash","at":23.896,"side":"candidate"}
{"do":"ask","at":24.661,"verb":"resume","controller":0}
{"do":"spoil","at":30.571,"point":"append","fate":"lost"}
{"do":"spoil","at":33.033,"point":"order","fate":"late"}
{"do":"deploy","at":34.281,"shape":{"label":"v7","strategy":"recreate","replicas":6,"weights":[5.0,25.0,50.0],"hold":0.0,"wait":0.0,"check":true,"bake":2.0,"delay":null,"surge":0,"unavailable":1,"floor":0.5,"automatic":false,"judge":"threshold","deadline":10.0,"on_deadline":"report","on_fail":"pause","on_insufficient":"hold","on_error":"rollback","nature":{"ready_seconds":[0.3,1.5],"never_ready":0.0,"crashes":1.0,"crash_seconds":[0.1,3.0],"drain_seconds":[0.0,1.5],"ignores_stop":0.0},"quality":{"error_ratio":1.0,"latency_ratio":1.0,"extra_errors":0.0}}}
